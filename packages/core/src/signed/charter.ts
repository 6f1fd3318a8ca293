import { cborMap } from '../bytes/cbor.ts'
import { hex, readHex } from '../bytes/text.ts'
import { Refused } from '../errors/refused.ts'
import { admitRaw } from '../keys/admit.ts'
import type { Verify } from '../keys/key.ts'
import type { PublicKey } from '../keys/public-key.ts'
import type { Key } from '../keys/sign.ts'
import { readDomain, readFleetName } from '../names/names.ts'
import { readStatement, signStatement } from './statement.ts'

/**
 * The offline root's word on a fleet: this name has this issuing CA, this ledger and this release root. An online server can make
 * neither up.
 */
export interface Charter {
  readonly domain: string
  readonly fleet: string
  /** Grows when a fleet is chartered again. */
  readonly version: number
  /** Key id (SHA-256 of the SPKI, hex) of the fleet's issuing CA. */
  readonly authority: string
  /** Ed25519 public key (32 bytes) that signs the checkpoints of the fleet's ledger. */
  readonly ledgerKey: Uint8Array
  /** SHA-256 (hex) of the fleet's first TUF root; undefined until the fleet has releases. */
  readonly releaseRoot: string | undefined
  /** Unix milliseconds. */
  readonly issued: number
}

export const signCharter = (root: Key, charter: Charter): Promise<Uint8Array> =>
  signStatement(
    root,
    'charter',
    cborMap({
      domain: charter.domain,
      fleet: charter.fleet,
      version: charter.version,
      authority: readHex(charter.authority),
      ledgerKey: charter.ledgerKey,
      releaseRoot: charter.releaseRoot === undefined ? undefined : readHex(charter.releaseRoot),
      issued: charter.issued,
    }),
  )

export async function readCharter(bytes: Uint8Array, root: PublicKey, verify: Verify): Promise<Charter> {
  const payload = await readStatement(bytes, 'charter', root, verify)
  const { domain, fleet, version, authority, ledgerKey, releaseRoot, issued, ...unknown } = Object.fromEntries(payload)
  const digest = (value: unknown): value is Uint8Array => value instanceof Uint8Array && value.length === 32
  if (
    typeof domain !== 'string' ||
    typeof fleet !== 'string' ||
    typeof version !== 'number' ||
    version < 1 ||
    typeof issued !== 'number' ||
    issued < 0 ||
    !digest(authority) ||
    !digest(ledgerKey) ||
    !(releaseRoot === undefined || digest(releaseRoot)) ||
    Object.keys(unknown).length > 0
  ) {
    throw new Refused('bad-statement', 'charter')
  }
  return {
    domain: readDomain(domain),
    fleet: readFleetName(fleet),
    version,
    authority: hex(authority),
    // Anyone can sign for a key of small order: such a charter would let anyone write the fleet's ledger.
    ledgerKey: admitRaw('Ed25519', ledgerKey).raw,
    releaseRoot: releaseRoot && hex(releaseRoot),
    issued,
  }
}
