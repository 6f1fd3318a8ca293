import type { News, Store } from '../store/index.ts'
import { type Sink, type Stream, sseEvent } from '../stream.ts'

/** Something that changed what the registry says of a name. */
export interface RegistryChange {
  /** The entry of the fleet's ledger that says so. */
  readonly version: number
  readonly kind: News['kind']
  /** A registry path. */
  readonly identity: string
}

export interface Changes {
  /** The last entry of the ledger: what is asked for next is what came after it. */
  readonly version: number
  readonly changes: readonly RegistryChange[]
  /** What was asked for is too long ago: everything may have changed. */
  readonly reset?: true
}

/** More than come within a lease; whoever was away for longer forgets all. */
const most = 1_024
/** Milliseconds between two beats of a stream. */
const beat = 500

/** The end of one ledger, as far as it is about the registry. */
interface Tail {
  /** Every change from this entry on is in the list. */
  from: number
  upTo: number
  list: RegistryChange[]
}

/**
 * What changed in the registry, for verifiers that keep what it told them. The ledger is read once for all who ask, and
 * only while somebody does.
 */
export class RegistryChanges {
  readonly #store: Pick<Store, 'head' | 'newsInLedger' | 'onNews'>
  readonly #failed: (error: unknown) => void
  readonly #tails = new Map<string, Tail>()
  readonly #reading = new Map<string, Promise<Tail>>()
  readonly #readers = new Map<string, Set<Reader>>()
  #timer: NodeJS.Timeout | undefined

  /** @param failed told where the ledger could not be read for those who listen; they hear it with the next beat */
  constructor(store: Pick<Store, 'head' | 'newsInLedger' | 'onNews'>, failed: (error: unknown) => void) {
    this.#store = store
    this.#failed = failed
    store.onNews(({ about }) => {
      // Not waited for: who must hear it is waited for by its lease.
      for (const fleet of about === '' ? this.#readers.keys() : [about.split('/')[0]!]) this.#push(fleet, false)
    })
  }

  /** @param after the last entry that whoever asks knows; undefined for none */
  async since(fleet: string, after: number | undefined): Promise<Changes> {
    return changesOf(await this.#read(fleet), after)
  }

  /** As they come, with a beat twice a second: `text/event-stream`. */
  stream(fleet: string, after: number | undefined): Stream {
    return {
      open: sink => {
        const reader = new Reader(sink, after)
        const readers = this.#readers.get(fleet) ?? new Set()
        this.#readers.set(fleet, readers.add(reader))
        this.#timer ??= setInterval(() => {
          for (const each of this.#readers.keys()) this.#push(each, true)
        }, beat).unref()
        this.#push(fleet, true)
        return () => {
          readers.delete(reader)
          if (readers.size === 0) this.#readers.delete(fleet)
          if (this.#readers.size > 0) return
          clearInterval(this.#timer)
          this.#timer = undefined
        }
      },
    }
  }

  #push(fleet: string, isBeat: boolean): void {
    if (!this.#readers.has(fleet)) return
    this.#read(fleet).then(tail => {
      for (const reader of this.#readers.get(fleet) ?? []) reader.tell(tail, isBeat)
    }, this.#failed)
  }

  /** The tail with all that was committed before. Whoever asks while it is read asks for what comes after. */
  #read(fleet: string): Promise<Tail> {
    const before = this.#reading.get(fleet) ?? Promise.resolve()
    const reading = before.catch(() => undefined).then(() => this.#extend(fleet))
    this.#reading.set(fleet, reading)
    const done = (): void => {
      if (this.#reading.get(fleet) === reading) this.#reading.delete(fleet)
    }
    reading.then(done, done)
    return reading
  }

  async #extend(fleet: string): Promise<Tail> {
    const head = ((await this.#store.head(fleet))?.size ?? 0) - 1
    let tail = this.#tails.get(fleet)
    // However many messages were recorded meanwhile: of the ledger only news is read, and it is seldom.
    const read =
      tail === undefined || head <= tail.upTo
        ? undefined
        : await this.#store.newsInLedger(fleet, tail.upTo + 1, head + 1, most)
    // Nobody asked for long, or the ledger was put back.
    if (tail === undefined || head < tail.upTo || read?.isAll === false) {
      tail = { from: head + 1, upTo: head, list: [] }
      this.#tails.set(fleet, tail)
    } else if (read) {
      tail.list.push(...read.news.map(({ idx, kind, about }) => ({ version: idx, kind, identity: about })))
      tail.upTo = head
      const over = tail.list.length - most
      if (over > 0) tail.from = tail.list.splice(0, over).at(-1)!.version + 1
    }
    return tail
  }
}

/** One who hears them as they come. */
class Reader {
  readonly #sink: Sink
  #after: number | undefined

  constructor(sink: Sink, after: number | undefined) {
    this.#sink = sink
    this.#after = after
  }

  tell(tail: Tail, isBeat: boolean): void {
    const { version, changes, reset } = changesOf(tail, this.#after)
    this.#after = version
    if (reset) this.#sink.write(sseEvent('reset', JSON.stringify({ version }), version))
    for (const change of changes) this.#sink.write(sseEvent('change', JSON.stringify(change), change.version))
    if (isBeat) this.#sink.write(sseEvent('beat', JSON.stringify({ version }), version))
  }
}

function changesOf({ from, upTo, list }: Tail, after: number | undefined): Changes {
  const isKnown = after !== undefined && after >= from - 1 && after <= upTo
  if (!isKnown) return { version: upTo, changes: [], reset: true }
  return { version: upTo, changes: list.filter(({ version }) => version > after) }
}
