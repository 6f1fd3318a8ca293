import { X509Certificate } from 'node:crypto'
import { mkdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { pem, readPem, readPemBlocks, utf8 } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import { didKey, type Key, type KeyAlgorithm } from '@mintmark/core/keys'
import { type Certificate, readCertificate } from '@mintmark/core/signed'
import { createKeyFile, openKeyFile, writeFileDurably } from '@mintmark/elements'
import { type Facts, readFacts, writeFacts } from './home-facts.ts'

//     key.pem       0600, PKCS#8: made first
//     anchor.pem    the pinned root
//     charter.cbor  the root's word on the fleet; not in an operator's home
//     receipt.json  the ledger's receipt for the certificate, as it came
//     home.json     {v, identity, did, url, fleet, name, role}
//     cert.pem      the leaf, then its chain without the root
//
//     key.next.pem, receipt.next.json, cert.next.pem
//                   what is to take the place of the others, see next.ts
//     config.json   the fleet's configuration, where a daemon runs
//     encryption-keys/
//                   0700: what messages to whoever lives here are sealed to, where a sidecar announces it
//     retired.json  only where the identity was decommissioned: the notice, and the device's last word
//
// cert.pem is written last: a home with it is whole, a home without it is an enrollment to be run again. home.json says
// which key is the home's, by its DID, and the certificate is the one for that key. A home with retired.json is over,
// whatever else is still there.

/** Who lives in a home, and what it takes to prove it. */
export interface Home extends Facts {
  readonly directory: string
  /** PEM: the leaf, then its chain without the root. */
  readonly certificate: string
  /** The pinned root, DER. */
  readonly anchor: Uint8Array
  readonly charter: Uint8Array | undefined
  readonly key: Key
  /** Path of the key's file, which TLS reads. */
  readonly keyFile: string
}

/** What an enrollment adds to the key. Certificates are DER, leaf first, without the root. */
export interface Contents {
  readonly facts: Facts
  readonly chain: readonly Uint8Array[]
  readonly anchor: Uint8Array
  readonly charter: Uint8Array | undefined
  readonly receipt: object
}

export type HomeState = 'empty' | 'key-only' | 'enrolled' | 'retired'

export function homeState(directory: string): HomeState {
  if (exists(file(directory, 'retired'))) return 'retired'
  if (exists(file(directory, 'certificate'))) return 'enrolled'
  return exists(file(directory, 'key')) ? 'key-only' : 'empty'
}

/** The path of one of a home's files. */
export const file = (directory: string, name: keyof typeof names): string => join(directory, names[name])

/** The directory of the keys that messages to whoever lives here are sealed to. */
export const encryptionKeysOf = (directory: string): string => join(directory, 'encryption-keys')

export function readHome(directory: string): Home {
  const state = homeState(directory)
  if (state === 'retired') throw new Refused('home-retired', directory)
  if (state !== 'enrolled') throw new Refused('home-missing', directory)
  const facts = undamaged(file(directory, 'facts'), path => readFacts(readFileSync(path)))
  const held = readKey(directory, facts.did)
  const anchor = readAnchor(directory)
  const certificate = held && readCertificateOf(directory, held.key, anchor)
  if (certificate === undefined || leafOf(certificate).altNames?.uris[0] !== facts.identity) {
    throw new Error(`${directory}: key.pem, cert.pem and home.json are not of one identity`)
  }
  const charter = readCharterFile(directory)
  return { ...facts, directory, certificate, anchor, charter, ...held! }
}

/** The key that home.json names: key.pem, or the next one where the exchange of the two was interrupted. */
function readKey(directory: string, did: string): Pick<Home, 'key' | 'keyFile'> | undefined {
  for (const keyFile of [file(directory, 'key'), file(directory, 'nextKey')]) {
    const key = exists(keyFile) ? openKeyFile(keyFile) : undefined
    if (key && didKey(key.publicKey) === did) return { key, keyFile }
  }
  return undefined
}

function readCertificateOf(directory: string, key: Key, anchor: Uint8Array): string | undefined {
  for (const path of [file(directory, 'certificate'), file(directory, 'nextCertificate')].filter(exists)) {
    const text = undamaged(path, () => {
      const certificate = readFileSync(path, 'utf8')
      checkLinks([...readPemBlocks('CERTIFICATE', certificate), anchor])
      return certificate
    })
    if (leafOf(text).publicKey.equals(key.publicKey)) return text
  }
  return undefined
}

/** Each is signed by the next, the last one by itself. What they are worth is proven on the connection. */
function checkLinks(chain: readonly Uint8Array[]): void {
  const certificates = chain.map(der => new X509Certificate(der))
  for (const [i, each] of certificates.entries()) {
    readCertificate(each.raw)
    if (!each.verify((certificates[i + 1] ?? each).publicKey)) throw new Refused('bad-certificate', 'a signature')
  }
}

/** Reads a file of a home. @throws Refused `home-damaged` where it can be read and makes no sense */
export function undamaged<T>(path: string, read: (path: string) => T): T {
  try {
    return read(path)
  } catch (cause) {
    if (cause instanceof Error && 'syscall' in cause) throw cause
    throw new Refused('home-damaged', path, { cause })
  }
}

/** The leaf of a chain in PEM. */
export const leafOf = (certificate: string): Certificate =>
  readCertificate(readPemBlocks('CERTIFICATE', certificate)[0]!)

/** The pinned root, DER. */
export const readAnchor = (directory: string): Uint8Array =>
  undamaged(file(directory, 'anchor'), path => {
    const anchor = readPem('CERTIFICATE', readFileSync(path, 'utf8'))
    checkLinks([anchor])
    return anchor
  })

/**
 * The key of a home that is to be enrolled: a new one, or the one that an interrupted run has left, so that the
 * platform sees the same request again. Asking for another kind of key than is there is refused.
 */
export function keyForEnrollment(directory: string, algorithm: KeyAlgorithm | undefined): Key {
  checkUnused(directory)
  makePrivate(directory)
  const path = file(directory, 'key')
  if (!exists(path)) return createKeyFile(path, algorithm ?? 'Ed25519')
  const key = openKeyFile(path)
  const held = key.publicKey.algorithm
  if (algorithm !== undefined && algorithm !== held) {
    const hint = `run it again with the ${held} key that an interrupted run made here, or use another home`
    throw new Refused('home-exists', `${path} is a key for ${held}`, { hint })
  }
  return key
}

/** A home is for one identity: one that has or had another is refused. */
export function checkUnused(directory: string): void {
  const state = homeState(directory)
  if (state === 'retired') throw new Refused('home-retired', directory)
  if (state === 'enrolled') throw new Refused('home-exists', directory)
}

/** Everything but the key; the certificate last, because it says that the rest is there. */
export function writeHome(directory: string, contents: Contents): void {
  const { facts, anchor, charter, receipt } = contents
  write(directory, 'anchor', utf8(pem('CERTIFICATE', anchor)))
  if (charter !== undefined) write(directory, 'charter', charter)
  write(directory, 'receipt', receiptText(receipt))
  write(directory, 'facts', utf8(writeFacts(facts)))
  write(directory, 'certificate', utf8(pemChain(contents.chain)))
}

export const receiptText = (receipt: object): Uint8Array => utf8(`${JSON.stringify(receipt, undefined, 2)}\n`)

export const pemChain = (chain: readonly Uint8Array[]): string => chain.map(der => pem('CERTIFICATE', der)).join('')

const names = {
  key: 'key.pem',
  anchor: 'anchor.pem',
  charter: 'charter.cbor',
  receipt: 'receipt.json',
  facts: 'home.json',
  certificate: 'cert.pem',
  nextKey: 'key.next.pem',
  nextReceipt: 'receipt.next.json',
  nextCertificate: 'cert.next.pem',
  configuration: 'config.json',
  retired: 'retired.json',
} as const

export const write = (directory: string, name: keyof typeof names, bytes: Uint8Array): void =>
  writeFileDurably(file(directory, name), bytes, { mode: 0o644, replace: true })

export const exists = (path: string): boolean => statSync(path, { throwIfNoEntry: false }) !== undefined

function readCharterFile(directory: string): Uint8Array | undefined {
  const path = file(directory, 'charter')
  return exists(path) ? new Uint8Array(readFileSync(path)) : undefined
}

function makePrivate(directory: string): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const { mode } = statSync(directory)
  // Who may write here may replace the root that this device believes. Windows has access lists instead.
  if (process.platform !== 'win32' && (mode & 0o022) !== 0) {
    const bits = (mode & 0o777).toString(8).padStart(4, '0')
    throw new Error(`${directory} has mode ${bits}: others may write there. Make it 0700, or use another home.`)
  }
}
