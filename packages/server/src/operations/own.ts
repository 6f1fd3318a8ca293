import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { join } from 'node:path'
import { equal, hex, pem, readPemBlocks, utf8 } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import { didKey } from '@mintmark/core/keys'
import type { Key } from '@mintmark/core/keys/sign'
import { type FullName, path, spiffeId } from '@mintmark/core/names'
import { checkLeaf } from '@mintmark/core/proof'
import { type Change, change, decideOwn, enrolled, readChange, renewed } from '@mintmark/core/rules'
import { type Certificate, readCertificate } from '@mintmark/core/signed'
import { createKeyFile, openKeyFile, writeFileDurably } from '@mintmark/elements'
import { issuance, issue, type Platform } from '../platform.ts'

// What the platform issues to itself: the certificate of its listener and of the operator home in its own data
// directory. Both go through decide, issue and commit like everything else.

/** A certificate with the key file it belongs to. */
export interface Own {
  readonly keyFile: string
  /** Leaf and issuing CA, PEM. */
  readonly chain: string
  readonly notAfter: number
}

/** After this moment a certificate of this much life left is renewed: at two thirds. */
export const renewAt = ({ notBefore, notAfter }: Pick<Certificate, 'notBefore' | 'notAfter'>): number =>
  notBefore + ((notAfter - notBefore) * 2) / 3

/**
 * The listener's certificate, issued anew where there is none, where two thirds of its life are over, or where the
 * hosts or the issuing CA changed.
 * @param hosts DNS names and IP addresses that devices dial
 */
export async function provideServerCertificate(
  platform: Platform,
  directory: string,
  hosts: readonly string[],
): Promise<Own> {
  const key = openOrCreate(directory)
  const dnsNames = hosts.filter(host => isIP(host) === 0)
  const addresses = hosts.filter(host => isIP(host) !== 0).map(addressBytes)
  const name = { fleet: 'platform', role: 'server', name: '' } as const
  const held = await readHeld(platform, directory)
  const wanted = (names: Certificate['altNames']): boolean =>
    names?.dnsNames.join() === dnsNames.join() && names.addresses.join() === addresses.join()
  if (held && stillGood(platform, held, key, 'server') && wanted(held.altNames)) return own(directory, held)

  const grant = decideOwn(name, key.publicKey, issuance(platform, 'platform', 'server'), { dnsNames, addresses })
  const { der, authority } = await issue(platform, grant)
  const at = platform.now()
  const body = { certificate: der }
  await platform.store.commit(change({ kind: 'server.certified', at, by: 'platform', ledger: 'platform', body }))
  keep(directory, der, authority.certificate.der)
  return own(directory, readCertificate(der))
}

/**
 * The certificate of the key that signs decommission notices, issued anew like the listener's. The key is the keeper's
 * and the certificate the ledger's, so there is no file of it.
 */
export async function provideNoticeCertificate(platform: Platform): Promise<void> {
  const { publicKey } = await platform.keeper.provide('notice')
  const held = await readNoticeCertificate(platform)
  if (held && inGoodTime(platform, held) && held.publicKey.equals(publicKey)) return
  const name = { fleet: 'platform', role: 'notice', name: '' } as const
  const { der } = await issue(platform, decideOwn(name, publicKey, issuance(platform, 'platform', 'notice')))
  const at = platform.now()
  const body = { certificate: der }
  await platform.store.commit(change({ kind: 'notice.certified', at, by: 'platform', ledger: 'platform', body }))
}

/** The one that was issued last, where its CA is one of ours. */
export async function readNoticeCertificate({ store, trust }: Platform): Promise<Certificate | undefined> {
  const row = await store.newestCertificate('platform/notice')
  if (row === undefined) return undefined
  const [entry] = await store.entries(row.ledger, row.idx, row.idx + 1)
  const { body } = readChange(entry!.change) as Change<'notice.certified'>
  const certificate = readCertificate(body.certificate)
  return trust.authorities.has(hex(certificate.authorityKeyId!)) ? certificate : undefined
}

/**
 * The operator home on the platform's own host: what lets `mintmark fleet create --data ...` act as `operator/local`.
 * The same files as any other home.
 */
export async function provideOperatorHome(platform: Platform, directory: string, url: string): Promise<void> {
  const key = openOrCreate(directory)
  const { trust, store } = platform
  const name = await localOperator(store, key)
  const held = await readHeld(platform, directory)
  const known = await store.record(path(name))
  // Once it is revoked it stays so, and the platform runs without an operator of its own.
  const isRevoked = known !== undefined && known.standing !== 'good'
  if (!isRevoked && (!held || !known || !stillGood(platform, held, key, 'people'))) {
    const grant = decideOwn(name, key.publicKey, issuance(platform, 'platform', 'operator'))
    const { der, authority } = await issue(platform, grant)
    const fact = known ? renewed(grant, der, 'platform', platform.now()) : enrolled(grant, der, platform.now())
    await store.commit(fact)
    keep(directory, der, authority.certificate.der)
  }
  const home = { v: 1, identity: spiffeId(trust.domain, name), did: didKey(key.publicKey), url, ...name }
  writeFileDurably(join(directory, 'anchor.pem'), utf8(pem('CERTIFICATE', trust.root.der)), {
    mode: 0o644,
    replace: true,
  })
  writeFileDurably(join(directory, 'home.json'), utf8(`${JSON.stringify(home, null, 2)}\n`), {
    mode: 0o644,
    replace: true,
  })
}

/** `operator/local`; where that has a key that is not here any more, the name has the id of this one. */
async function localOperator(store: Platform['store'], { publicKey }: Key): Promise<OperatorName> {
  const local = { fleet: 'platform', role: 'operator', name: 'local' } as const
  const known = await store.record(path(local))
  return known && known.key !== publicKey.id ? { ...local, name: `local-${publicKey.id.slice(0, 16)}` } : local
}

type OperatorName = FullName & { readonly fleet: 'platform'; readonly role: 'operator' }

function openOrCreate(directory: string): Key {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const file = join(directory, 'key.pem')
  return existsSync(file) ? openKeyFile(file) : createKeyFile(file, 'P-256')
}

/** The certificate in a home of ours, where every byte of it and of its CA is as it was issued. */
async function readHeld({ trust, verify }: Platform, directory: string): Promise<Certificate | undefined> {
  const file = join(directory, 'cert.pem')
  if (!existsSync(file)) return undefined
  try {
    const [leaf, issuer] = readPemBlocks('CERTIFICATE', readFileSync(file, 'latin1'))
    const certificate = readCertificate(leaf!)
    const authority = certificate.authorityKeyId && trust.authorities.get(hex(certificate.authorityKeyId))
    if (!authority || !issuer || !equal(issuer, authority.certificate.der)) return undefined
    await checkLeaf(certificate, authority.certificate, verify)
    return certificate
  } catch (error) {
    // Damaged: it is issued anew.
    if (error instanceof Refused) return undefined
    throw error
  }
}

function stillGood(platform: Platform, held: Certificate, key: Key, use: 'server' | 'people'): boolean {
  const authority = held.authorityKeyId && platform.trust.authorities.get(hex(held.authorityKeyId))
  return authority?.use === use && held.publicKey.equals(key.publicKey) && inGoodTime(platform, held)
}

/** One that begins later was issued while the clock was wrong. */
const inGoodTime = ({ now }: Platform, held: Certificate): boolean => now() >= held.notBefore && now() < renewAt(held)

function keep(directory: string, leaf: Uint8Array, authority: Uint8Array): void {
  const text = pem('CERTIFICATE', leaf) + pem('CERTIFICATE', authority)
  writeFileDurably(join(directory, 'cert.pem'), utf8(text), { mode: 0o644, replace: true })
}

const own = (directory: string, { notAfter }: Certificate): Own => ({
  keyFile: join(directory, 'key.pem'),
  chain: readFileSync(join(directory, 'cert.pem'), 'utf8'),
  notAfter,
})

/** 4 or 16 bytes of an IP address, for an iPAddress name (RFC 5280 4.2.1.6). */
function addressBytes(address: string): Uint8Array {
  if (isIP(address) === 4) return Uint8Array.from(address.split('.').map(Number))
  const [head = '', tail] = address.split('::')
  const words = (text: string): number[] => (text === '' ? [] : text.split(':').map(word => Number.parseInt(word, 16)))
  const [before, after] = [words(head), words(tail ?? '')]
  const all = tail === undefined ? before : [...before, ...Array(8 - before.length - after.length).fill(0), ...after]
  return Uint8Array.from(all.flatMap(word => [word >> 8, word & 0xff]))
}
