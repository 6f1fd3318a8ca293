import { type Cbor, cborMap } from '../bytes/cbor.ts'
import { hex, readHex } from '../bytes/text.ts'
import { Refused } from '../errors/refused.ts'
import type { Verify } from '../keys/key.ts'
import type { PublicKey } from '../keys/public-key.ts'
import type { Key } from '../keys/sign.ts'
import { readDomain } from '../names/names.ts'
import { path, readPath } from '../names/spiffe.ts'
import { readStatement, signStatement } from './statement.ts'

// The end of a device, in two statements: the platform says that it is over, and the device that it has wiped its key.

/** The platform's word to one device, in answer to its question: this identity is decommissioned, wipe this key. */
export interface DecommissionNotice {
  readonly domain: string
  /** Registry path: `acme/device/device-104`. */
  readonly identity: string
  /** Key id (SHA-256 of the SPKI, hex) of the key that is to go. */
  readonly spki: string
  /** The 32 bytes that the device asked with: this answer is to that question, and to none before it. */
  readonly nonce: Uint8Array
  /** Where the fact is that decommissioned it: the ledger of its own fleet. */
  readonly ledger: string
  readonly index: number
  /** Unix milliseconds, by the platform's clock. */
  readonly issued: number
}

/** The device's last word. It proves that the device meant to wipe its key, not that nothing was left. */
export interface DecommissionConfirmation {
  readonly domain: string
  readonly identity: string
  readonly spki: string
  /** SHA-256 (hex) of the bytes of the notice that it obeys. */
  readonly notice: string
  /** Unix milliseconds, by the device's clock. */
  readonly at: number
}

export const signDecommissionNotice = (key: Key, notice: DecommissionNotice): Promise<Uint8Array> =>
  signStatement(key, 'decommission-notice', cborMap({ v: 1, ...notice, spki: readHex(notice.spki) }))

export async function readDecommissionNotice(
  bytes: Uint8Array,
  signer: PublicKey,
  verify: Verify,
): Promise<DecommissionNotice> {
  const payload = await readStatement(bytes, 'decommission-notice', signer, verify)
  const { v, domain, identity, spki, nonce, ledger, index, issued, ...unknown } = Object.fromEntries(payload)
  const whole = v === 1 && isDigest(spki) && isDigest(nonce) && isCount(index) && isCount(issued) && isText(ledger)
  if (!whole || !isText(domain) || !isText(identity) || Object.keys(unknown).length > 0) throw bad('notice')
  const about = readPath(identity)
  if (ledger !== about.fleet) throw bad('a fact in the ledger of another fleet')
  return { domain: readDomain(domain), identity: path(about), spki: hex(spki), nonce, ledger, index, issued }
}

export const signDecommissionConfirmation = (key: Key, said: DecommissionConfirmation): Promise<Uint8Array> =>
  signStatement(
    key,
    'decommission-confirmation',
    cborMap({ v: 1, ...said, spki: readHex(said.spki), notice: readHex(said.notice) }),
  )

export async function readDecommissionConfirmation(
  bytes: Uint8Array,
  signer: PublicKey,
  verify: Verify,
): Promise<DecommissionConfirmation> {
  const payload = await readStatement(bytes, 'decommission-confirmation', signer, verify)
  const { v, domain, identity, spki, notice, at, ...unknown } = Object.fromEntries(payload)
  const whole = v === 1 && isDigest(spki) && isDigest(notice) && isCount(at)
  if (!whole || !isText(domain) || !isText(identity) || Object.keys(unknown).length > 0) throw bad('confirmation')
  // A key says of itself that it is gone, never of another.
  if (hex(spki) !== signer.id) throw bad('of another key than its signer')
  return { domain: readDomain(domain), identity: path(readPath(identity)), spki: hex(spki), notice: hex(notice), at }
}

const bad = (why: string): Refused => new Refused('bad-statement', why)

const isDigest = (value: Cbor | undefined): value is Uint8Array => value instanceof Uint8Array && value.length === 32
const isText = (value: Cbor | undefined): value is string => typeof value === 'string'
const isCount = (value: Cbor | undefined): value is number => typeof value === 'number' && value >= 0
