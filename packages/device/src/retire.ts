import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { base64url, hex, pem, readBase64url, readPemBlocks, sha256 } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import { didKey } from '@mintmark/core/keys'
import { path, spiffeId } from '@mintmark/core/names'
import { proveNotice } from '@mintmark/core/proof'
import { signDecommissionConfirmation } from '@mintmark/core/signed'
import { nodeVerify, openKeyFile, randomBytes, removeFileDurably, wipeKeyFile } from '@mintmark/elements'
import { encryptionKeysOf, exists, file, type Home, homeState, readAnchor, readHome } from './home.ts'
import { connect, type Reply } from './https.ts'
import { readNext } from './next.ts'
import { fields } from './reply.ts'
import { keepConfirmed, keepRetired, type Retired, readRetired } from './retired.ts'

export interface Retirement {
  /** Directory of the home. */
  readonly home: string
  readonly now: () => number
}

/**
 * Ends a home whose identity is decommissioned.
 *
 *     device                                                                platform
 *       | POST /v1/notice {nonce}  over mutual TLS ---------------------------->|
 *       |<--------------------------------- 410 notice, and the chain behind it |   proven before it is believed
 *       | the confirmation is signed and kept; then key and certificate go      |
 *       | POST /v1/notice/confirmation {confirmation}  without a certificate -->|
 *
 * A notice that does not prove is ignored (`notice-refused`), and a device that is not decommissioned stays as it is
 * (`not-decommissioned`). Interrupted anywhere, running again finishes; where it cannot be told, the key is wiped all
 * the same, this throws why, and running again tells.
 */
export async function retire({ home, now }: Retirement): Promise<Retired> {
  if (homeState(home) !== 'retired') await askAndKeep(home, now)
  const retired = readRetired(home)
  wipe(home, retired)
  if (retired.confirmed !== null) return retired
  await tell(home, retired, now)
  return keepConfirmed(home, retired, new Date(now()).toISOString())
}

async function askAndKeep(home: string, now: () => number): Promise<void> {
  try {
    keepRetired(home, await askAs(identitiesOf(home), now))
  } catch (error) {
    // Another process was quicker, and took the key away meanwhile.
    if (homeState(home) !== 'retired') throw error
  }
}

/** The home, and where a change of key was interrupted, the home with the next key: the platform knows which is the last. */
function identitiesOf(directory: string): readonly Home[] {
  const home = readHome(directory)
  const next = readNext(home)
  return next?.isNewKey ? [home, { ...home, ...next, did: didKey(next.key.publicKey) }] : [home]
}

async function askAs([home, ...others]: readonly Home[], now: () => number): Promise<Retired> {
  try {
    return await ask(home!, now)
  } catch (error) {
    if (others.length === 0 || !(error instanceof Refused) || error.code !== 'key-superseded') throw error
    return askAs(others, now)
  }
}

/** Asks whether it is over. @returns what is to be kept of a notice that proves it, with the last word of the key */
async function ask(home: Home, now: () => number): Promise<Retired> {
  const { url, anchor, certificate, key, keyFile, identity, did, fleet, name, role } = home
  const nonce = randomBytes(32)
  const platform = connect({ url, anchor, identity: { certificate, key: keyFile }, now })
  try {
    const { status, domain, body } = await platform.postFor(410, '/v1/notice', { nonce: base64url(nonce) })
    if (status !== 410) throw new Refused('notice-refused', 'there is none')
    if (spiffeId(domain, home) !== identity) throw new Refused('notice-refused', 'by another platform')
    const answer = readAnswer(body)
    await proveNotice(answer, { anchor, domain, name: home, key: key.publicKey, nonce, at: now() }, nodeVerify)
    const confirmation = await signDecommissionConfirmation(key, {
      domain,
      identity: path(home),
      spki: key.publicKey.id,
      notice: hex(sha256(answer.notice)),
      at: now(),
    })
    return {
      ...{ identity, did, url, fleet, name, role },
      keyId: key.publicKey.id,
      retired: new Date(now()).toISOString(),
      notice: answer.notice,
      chain: answer.chain.map(der => pem('CERTIFICATE', der)).join(''),
      confirmation,
      confirmed: null,
    }
  } finally {
    platform.close()
  }
}

function readAnswer(body: Reply['body']): { notice: Uint8Array; chain: Uint8Array[] } {
  const { notice, chain } = fields(body)
  if (typeof notice !== 'string' || typeof chain !== 'string') throw new Refused('notice-refused', 'there is none')
  try {
    return { notice: readBase64url(notice), chain: readPemBlocks('CERTIFICATE', chain) }
  } catch (cause) {
    if (!(cause instanceof Refused)) throw cause
    throw new Refused('notice-refused', cause.detail ?? cause.code, { cause })
  }
}

function wipe(home: string, { keyId }: Retired): void {
  const [keyFile, nextFile] = [file(home, 'key'), file(home, 'nextKey')]
  // Put here since, or the other way round: either way nothing has said that this one is to go.
  const held = heldKey(keyFile)
  const isOther = held !== undefined && held !== keyId && heldKey(nextFile) !== keyId
  if (isOther) throw new Error(`${keyFile} is another key than retired.json is about`)
  for (const each of [keyFile, ...otherKeys(home), ...encryptionKeys(home)]) wipeKeyFile(each)
  // The directory as well, so that a sidecar that is still there can put no other key into it.
  rmSync(encryptionKeysOf(home), { recursive: true, force: true })
  for (const name of ['certificate', 'nextCertificate', 'nextReceipt', 'configuration'] as const) {
    removeFileDurably(file(home, name))
  }
}

const mostKeyBytes = 65_536

/** Whatever else here holds a private key: a change of key that was cut short leaves one. */
const otherKeys = (home: string): string[] =>
  readdirSync(home, { withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(({ name }) => join(home, name))
    .filter(path => statSync(path).size <= mostKeyBytes && readFileSync(path).includes('PRIVATE KEY-----'))

function encryptionKeys(home: string): string[] {
  const directory = encryptionKeysOf(home)
  if (!exists(directory)) return []
  return readdirSync(directory, { withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(({ name }) => join(directory, name))
}

/** Id of the key in a file; undefined where there is none any more, or one that was overwritten already. */
function heldKey(keyFile: string): string | undefined {
  try {
    return openKeyFile(keyFile).publicKey.id
  } catch {
    return undefined
  }
}

/** The key is gone, so it is told over a connection that proves the platform alone: the statement says whose it is. */
async function tell(home: string, { url, confirmation }: Retired, now: () => number): Promise<void> {
  const platform = connect({ url, anchor: readAnchor(home), now })
  try {
    await platform.post('/v1/notice/confirmation', { confirmation: base64url(confirmation) })
  } catch (cause) {
    if (!(cause instanceof Refused)) throw cause
    const hint = 'the key and the certificate are wiped; run it again to tell the platform so'
    throw new Refused(cause.code, cause.detail, { cause, hint })
  } finally {
    platform.close()
  }
}
