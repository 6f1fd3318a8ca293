import { base64url, pem } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import { didKey, type Key, type KeyAlgorithm } from '@mintmark/core/keys'
import { path } from '@mintmark/core/names'
import { readCertificate, readCharter, signKeySuccession, signSigningRequest } from '@mintmark/core/signed'
import { nodeVerify } from '@mintmark/elements'
import type { Enrolled } from './enroll.ts'
import { file, type Home, readHome } from './home.ts'
import { connect } from './https.ts'
import { type Issued, proveIssued } from './issued.ts'
import { lockHome } from './lock.ts'
import { keepNext, provideNextKey, readNext, takeNext } from './next.ts'
import { settle, tryOut } from './settle.ts'

export interface Renewal {
  /** Directory of the home. */
  readonly home: string
  readonly now: () => number
  /** Another key as well, of this kind; where none is said, of the kind that the home has. */
  readonly newKey?: { readonly algorithm?: KeyAlgorithm | undefined } | undefined
}

/**
 * Another certificate over mutual TLS, for the same key or for one that comes after it by the old one's word. In two
 * phases: what is next waits beside what is there until the platform has answered to it, so whatever interrupts this, at
 * any moment, the home works and running it again goes on.
 *
 *     device                                                     platform
 *       | key.next.pem is kept                                       |
 *       | POST /v1/renew {csr, succession?}  with the old ---------->|
 *       |<----------------------------------- certificate, receipt   |   proven before they are kept
 *       | receipt.next.json and cert.next.pem are kept               |
 *       | GET /v1/me  with the new --------------------------------->|   from here on the old key is refused
 *       | home.json, then the files change places                    |
 */
export async function renew({ home: directory, now, newKey }: Renewal): Promise<Enrolled> {
  // Refused where nobody lives, before anything is made there.
  readHome(directory)
  const lock = await lockHome(directory, 'renewal')
  try {
    const home = await settle(directory, now)
    const key = newKey ? provideNextKey(home, newKey.algorithm) : home.key
    const issued = await ask(home, key, now)
    keepNext(home, issued)
    const next = readNext(home)!
    await tryOut(home, next, now)
    takeNext(home, next)
    const { identity, url, fleet, name, role } = home
    const { serial, notAfter } = issued.certificate
    const facts = { identity, did: didKey(key.publicKey), url, fleet, name, role }
    return { ...facts, certificate: file(directory, 'certificate'), tier: issued.tier, serial, notAfter }
  } finally {
    lock.release()
  }
}

async function ask(home: Home, key: Key, now: () => number): Promise<Issued> {
  const { url, anchor, certificate, keyFile, name, identity } = home
  const csr = pem('CERTIFICATE REQUEST', await signSigningRequest(key))
  const platform = connect({ url, anchor, identity: { certificate, key: keyFile }, now })
  try {
    const isSame = key.publicKey.equals(home.key.publicKey)
    const word = isSame ? {} : { succession: await succession(home, key, now) }
    const { body, domain } = await platform.post('/v1/renew', { csr, ...word })
    const kind = isSame ? 'identity.renewed' : 'key.introduced'
    const issued = await proveIssued(body, { publicKey: key.publicKey, name, kind, anchor, domain, at: now() })
    if (issued.spiffeId !== identity) throw new Refused('reply-refused', 'another identity')
    await checkCharterGrows(home, issued)
    return issued
  } finally {
    platform.close()
  }
}

/** The old key's word about the new one. */
async function succession(home: Home, key: Key, now: () => number): Promise<string> {
  // spiffe://<fleet>.<domain>/<role>/<name>
  const domain = home.identity.split('/')[2]!.slice(home.fleet.length + 1)
  const keys = { old: home.key.publicKey.id, new: key.publicKey.id }
  return base64url(await signKeySuccession(home.key, { domain, identity: path(home), ...keys, at: now() }))
}

/** The platform keeps every charter that the root ever signed; an older one would bring an old CA or release root back. */
async function checkCharterGrows({ directory, charter, anchor }: Home, issued: Issued): Promise<void> {
  if (charter === undefined) return
  const { version } = await readCharter(charter, readCertificate(anchor).publicKey, nodeVerify).catch(cause => {
    throw new Refused('home-damaged', file(directory, 'charter'), { cause })
  })
  if ((issued.charter?.version ?? 0) < version) throw new Refused('reply-refused', 'an older charter')
}
