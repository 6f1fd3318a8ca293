import { readJson, utf8 } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import { type Verify, webCryptoVerify } from '@mintmark/core/keys'
import { checkReceipt, type Receipt, readReceipt, receiptJson } from '@mintmark/core/ledger'
import { type JournalEntry, readJournalEntry } from './entry.ts'
import { readJournalKey } from './key.ts'

// {"kind": "mintmark-journal-proof", "v": 1, "origin", "index", "entry", "proof", "checkpoint"}: a receipt.

const longest = 262_144
const fields = ['kind', 'v', 'origin', 'index', 'entry', 'proof', 'checkpoint']

export const writeJournalProof = (receipt: Receipt): string =>
  `${JSON.stringify({ kind: 'mintmark-journal-proof', v: 1, ...receiptJson(receipt) }, undefined, 2)}\n`

export interface ProvenEntry {
  readonly entry: JournalEntry
  /** How many entries the journal had when its head was signed. */
  readonly size: number
}

/**
 * The entry is in the journal whose head this key signed, and its sender signed the envelope in it. Needs no network, and
 * nothing of the journal.
 * @param file as `prove` of the journal gave it
 * @param key the verifier key of the journal, known from elsewhere
 * @throws Refused `key-refused`, `bad-proof-file`, `bad-checkpoint`, `bad-proof`, `bad-entry`, `envelope-signature`
 */
export async function proveJournalEntry(
  file: Uint8Array | string,
  key: string,
  verify: Verify = webCryptoVerify,
): Promise<ProvenEntry> {
  const { origin, publicKey } = readJournalKey(key)
  const receipt = read(file)
  const { size } = await checkReceipt(receipt, { origin, publicKey, verify })
  const entry = await readJournalEntry(receipt.entry, verify)
  if (entry.index !== receipt.index) throw new Refused('bad-proof', 'the entry is of another place')
  return { entry, size }
}

function read(file: Uint8Array | string): Receipt {
  if (typeof file !== 'string' && !(file instanceof Uint8Array)) throw noProof('neither bytes nor text')
  if (file.length > longest) throw noProof('too long')
  try {
    const value = readJson(typeof file === 'string' ? utf8(file) : file) as { readonly [name: string]: unknown } | null
    const isOurs = typeof value === 'object' && value?.kind === 'mintmark-journal-proof' && value.v === 1
    if (!isOurs || Object.keys(value).some(name => !fields.includes(name))) throw noProof('form')
    return readReceipt(value)
  } catch (cause) {
    if (cause instanceof Refused && cause.code !== 'bad-proof-file') throw noProof(cause.message, cause)
    throw cause
  }
}

const noProof = (detail: string, cause?: unknown): Refused =>
  new Refused('bad-proof-file', detail, { cause, hint: 'give the file as prove() of the journal made it, unchanged' })
