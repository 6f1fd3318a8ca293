import { base64, hex } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import { factInWords, type MessageView, messageView, type ProofFile } from '@mintmark/core/evidence'
import { aboutOf, type Change, type ChangeKind, changeKinds, isOfKind, readChange } from '@mintmark/core/rules'
import type { Platform } from '../platform.ts'
import type { Row } from '../store/index.ts'
import { readReceipt } from './ledger.ts'

/** An entry of a ledger, to be read by people and programs. */
export interface EntryView {
  readonly ledger: string
  readonly index: number
  readonly kind: ChangeKind
  readonly at: string
  readonly by: string
  /** The registry path, token or fleet that it is about; null where it is about none. */
  readonly about: string | null
  /** One sentence. */
  readonly says: string
  /** Of a message that was recorded: what its envelope says. */
  readonly message?: MessageView
  /** The fields of the kind; bytes in hex. */
  readonly body: Readonly<Record<string, Shown>>
}

export interface EntryPage {
  readonly ledger: string
  readonly entries: readonly EntryView[]
  /** Ask for what is before this; null where there is no more. */
  readonly next: number | null
}

export interface EntryQuestion {
  readonly about?: string | undefined
  readonly kind?: string | undefined
  readonly before?: number | undefined
  readonly limit?: number | undefined
}

// An entry can have 4 kB of certificates, in hex twice that, and a page is to stay below a megabyte.
const pageSize = { default: 100, most: 200 } as const

/** One page of a ledger, newest first. */
export async function listEntries(platform: Platform, ledger: string, asked: EntryQuestion): Promise<EntryPage> {
  await checkLedger(platform, ledger)
  const { about, kind, before = Number.MAX_SAFE_INTEGER } = asked
  if (kind !== undefined && !changeKinds.some(known => known === kind)) throw new Refused('bad-request', 'kind')
  const limit = Math.min(asked.limit ?? pageSize.default, pageSize.most)
  const rows = await platform.store.newest(ledger, { before, limit, kind, about })
  return { ledger, entries: rows.map(entryView), next: rows.length === limit ? rows.at(-1)!.idx : null }
}

/** One entry, with the exact bytes that are in the ledger. */
export async function readEntry(platform: Platform, ledger: string, index: number) {
  await checkLedger(platform, ledger)
  const [row] = await platform.store.entries(ledger, index, index + 1)
  if (row === undefined) throw new Refused('no-receipt')
  return { ...entryView(row), entry: base64(row.change), leafHash: hex(row.leaf) }
}

/** One entry with all that proves it to someone who has the root, or for the platform's own ledger its key. */
export async function readProof(platform: Platform, ledger: string, index: number): Promise<ProofFile> {
  await checkLedger(platform, ledger)
  const { root, charters } = platform.trust
  return { receipt: await readReceipt(platform, ledger, index), charter: charters.get(ledger), root: root.der }
}

async function checkLedger({ store }: Platform, ledger: string): Promise<void> {
  if (ledger !== 'platform' && !(await store.fleet(ledger))) throw new Refused('fleet-unknown')
}

function entryView({ ledger, idx, change }: Row<'ledger_entry'>): EntryView {
  const fact = readChange(change)
  const { kind, at, by, body } = fact
  const about = aboutOf(fact)
  return {
    ledger,
    index: idx,
    kind,
    at: new Date(at).toISOString(),
    by,
    about: about === '' ? null : about,
    says: factInWords(fact),
    ...(isOfKind(fact, 'message.accepted') && { message: messageView(fact) }),
    body: Object.fromEntries(Object.entries(body as Change['body']).map(([name, value]) => [name, shown(value)])),
  }
}

type Shown = string | number | boolean | readonly string[]

const shown = (value: unknown): Shown => (value instanceof Uint8Array ? hex(value) : (value as Shown))
