import { type Cbor, cbor, cborMap, readCbor } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import { admitSpki, checkSignature, type PublicKey, type Verify } from '@mintmark/core/keys'
import { type Envelope, isNamed, readEnvelope } from '@mintmark/core/signed'
import type { Received } from '../received.ts'

// {v: 1, index: uint, at: ms, from: text, spki: bytes, envelope: bytes}
//
// No body: who sent what to whom and when, provable for ever. The index keeps entries from being taken out or put in
// another order by somebody who makes the tree anew. docs/spec/journal.md.

/** One accepted message, as a journal keeps it. */
export interface JournalEntry {
  /** Its place, from 0 on. */
  readonly index: number
  /** Unix milliseconds, by the clock of the receiver. */
  readonly at: number
  /** DID of the sender when it was accepted. */
  readonly from: string
  /** The key that the registry had of it. */
  readonly key: PublicKey
  readonly envelope: Envelope
}

export const writeJournalEntry = (index: number, { acceptedAt, from, key, envelope }: Received): Uint8Array =>
  cbor(cborMap({ v: 1, index, at: acceptedAt, from, spki: key.spki, envelope }))

/**
 * Reads an entry, and checks that the key in it signed the envelope in it.
 * @throws Refused `bad-entry`, `envelope-signature`, and what a key or an envelope is refused as
 */
export async function readJournalEntry(bytes: Uint8Array, verify: Verify): Promise<JournalEntry> {
  const map = readCbor(bytes)
  if (!(map instanceof Map)) throw new Refused('bad-entry', 'not a map')
  const { v, index, at, from, spki, envelope, ...unknown } = Object.fromEntries(map) as Record<string, Cbor | undefined>
  if (
    v !== 1 ||
    !isWhole(index) ||
    !isWhole(at) ||
    typeof from !== 'string' ||
    !(spki instanceof Uint8Array) ||
    !(envelope instanceof Uint8Array) ||
    Object.keys(unknown).length > 0
  ) {
    throw new Refused('bad-entry', 'form')
  }
  const key = admitSpki(spki)
  const read = readEnvelope(envelope)
  const { claims, algorithm, signed, signature } = read
  const isTheirs = algorithm === key.algorithm && isNamed(key, claims.key)
  if (!isTheirs || !(await checkSignature(verify, key, signed, signature))) throw new Refused('envelope-signature')
  return { index, at, from, key, envelope: read }
}

const isWhole = (value: Cbor | undefined): value is number => typeof value === 'number' && value >= 0
