import { Refused } from '@mintmark/core/errors'
import type { PublicKey } from '@mintmark/core/keys'
import { readVerifierKey } from '@mintmark/core/ledger'

export interface JournalKey {
  readonly origin: string
  readonly publicKey: PublicKey
}

/**
 * Reads a verifier key as `FileJournal.verifierKey` writes it (C2SP signed-note).
 * @throws Refused `key-refused`
 */
export function readJournalKey(text: string): JournalKey {
  if (typeof text !== 'string') throw noKey('not the text of a verifier key')
  try {
    const { name, publicKey } = readVerifierKey(text)
    return { origin: name, publicKey }
  } catch (cause) {
    if (!(cause instanceof Refused)) throw cause
    throw noKey(cause.detail, cause)
  }
}

const noKey = (detail: string | undefined, cause?: unknown): Refused =>
  new Refused('key-refused', detail, { cause, hint: 'give verifierKey of the journal as it was written down, whole' })
