import { equal } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import type { Verify } from '@mintmark/core/keys'
import type { Key } from '@mintmark/core/keys/sign'
import {
  append,
  type Checkpoint,
  emptyFrontier,
  type Frontier,
  leafHash,
  type Receipt,
  readCheckpoint,
  readFrontier,
  root as rootOf,
  signCheckpoint,
  writeFrontier,
} from '@mintmark/core/ledger'
import { aboutOf, type Change, checkStanding, isChange } from '@mintmark/core/rules'
import { nodeSha256 } from '@mintmark/elements'
import { serverVerify } from '../verify.ts'
import { Contended, type Database, type Transaction } from './database.ts'
import { type Audience, newsOf } from './news.ts'
import { Projection } from './projection.ts'
import type { Queries } from './queries.ts'
import { recordOf } from './rows.ts'

/** The key that signs the checkpoints of a ledger, and the ledger's name. */
export interface LedgerSigner {
  readonly origin: string
  readonly key: Key
}

interface Waiting {
  readonly change: Change
  readonly content: string | undefined
  resolve(receipt: Receipt): void
  reject(error: unknown): void
}

/** What is in the transaction, and what is due before it is acknowledged. */
interface Written {
  readonly receipt: Receipt
  readonly told: (() => Promise<void>) | undefined
}

const largestGroup = 256
/** Each time it takes another transaction that commits the same key, or locks in another order, in between. */
const mostTries = 5

const isByOperator = ({ kind, by }: Change): boolean => kind !== 'refused' && by.startsWith('platform/operator/')

/** Where it is written, and where it says that who wrote it may. */
const ledgersOf = (change: Change): string[] => (isByOperator(change) ? [change.ledger, 'platform'] : [change.ledger])

const unavailable = (cause: unknown): Refused =>
  new Refused('unavailable', `commit failed: ${cause instanceof Error ? cause.message : cause}`, { cause })

const isAway = (error: unknown): boolean => error instanceof Refused && error.code === 'unavailable'

/**
 * The one way to write. Changes queue and are committed in groups: one transaction, one fsync, one signed checkpoint
 * for many facts; a promise resolves when its group is on the disk. A change that is refused leaves the rest of its
 * group alone.
 */
export class Committer {
  readonly #database: Database
  readonly #queries: Queries
  readonly #signer: (ledger: string) => LedgerSigner
  readonly #audience: Audience
  /** The last head of each ledger that this process signed, once it was committed. */
  readonly #signed = new Map<string, string>()
  #queue: Waiting[] = []
  #running: Promise<void> | undefined
  /** Committed, and not acknowledged yet. */
  readonly #telling = new Set<Promise<void>>()

  constructor(database: Database, queries: Queries, signer: (ledger: string) => LedgerSigner, audience: Audience) {
    this.#database = database
    this.#queries = queries
    this.#signer = signer
    this.#audience = audience
  }

  /** @param content what a change names by digest and the ledger does not hold, stored in the same transaction */
  commit(change: Change, content?: string): Promise<Receipt> {
    if (!isChange(change)) throw new TypeError('only a change that was decided is committed')
    return new Promise((resolve, reject) => {
      this.#queue.push({ change, content, resolve, reject })
      this.#running ??= this.#run()
    })
  }

  /** Resolves when nothing waits any more. */
  async idle(): Promise<void> {
    while (this.#running || this.#telling.size > 0) await Promise.all([this.#running, ...this.#telling])
  }

  async #run(): Promise<void> {
    // One turn of the event loop, so that requests that arrived together are committed together.
    await new Promise(resolve => setImmediate(resolve))
    while (this.#queue.length > 0) {
      const group = this.#queue.splice(0, largestGroup)
      await this.#commitGroup(group)
    }
    this.#running = undefined
  }

  async #commitGroup(group: readonly Waiting[]): Promise<void> {
    let refused: Map<Waiting, Refused>
    let written: Map<Waiting, Written>
    try {
      ;({ refused, written } = await this.#transact(group))
    } catch (error) {
      if (isAway(error)) {
        // Nobody knows what became of the transaction, so it is not run again; and who waited behind it waited enough.
        for (const waiting of [...group, ...this.#queue.splice(0)]) waiting.reject(error)
        return
      }
      // The transaction is gone as a whole, and nobody has been told otherwise.
      const ledgers = [...Map.groupBy(group, ({ change }) => change.ledger).values()]
      if (ledgers.length > 1) {
        // Where one ledger cannot be written, the others still can.
        for (const members of ledgers) await this.#commitGroup(members)
        return
      }
      // Nobody is refused either: what a change was refused for may be gone with the transaction.
      for (const waiting of group) waiting.reject(unavailable(error))
      return
    }
    for (const [{ change }, { receipt }] of written) this.#signed.set(change.ledger, receipt.checkpoint)
    const last = [...written.values()].at(-1)
    if (last) this.#database.lastHead?.note(last.receipt.checkpoint)
    for (const waiting of group) {
      const done = written.get(waiting)
      if (done === undefined) waiting.reject(refused.get(waiting))
      else if (done.told === undefined) waiting.resolve(done.receipt)
      else this.#tell(waiting, done.receipt, done.told)
    }
  }

  /** Again where another process came between: then its change is there, and what does not go with it is refused. */
  async #transact(group: readonly Waiting[]) {
    const locks = [...new Set(group.flatMap(({ change }) => ledgersOf(change)).map(ledger => `ledger ${ledger}`))]
    for (let left = mostTries; ; left--) {
      const refused = new Map<Waiting, Refused>()
      try {
        const work = (connection: Transaction) => this.#write(connection, group, refused)
        return { written: await this.#database.transaction(work, locks), refused }
      } catch (error) {
        if (!(error instanceof Contended) || left === 1) throw error
      }
    }
  }

  /** Whoever must act on it does before it is acknowledged; the groups that come after do not wait for that. */
  #tell(waiting: Waiting, receipt: Receipt, told: () => Promise<void>): void {
    const telling = told()
      .then(
        () => waiting.resolve(receipt),
        (error: unknown) => waiting.reject(error),
      )
      .finally(() => this.#telling.delete(telling))
    this.#telling.add(telling)
  }

  async #write(connection: Transaction, group: readonly Waiting[], refused: Map<Waiting, Refused>) {
    const written = new Map<Waiting, Written>()
    for (const [ledger, members] of Map.groupBy(group, ({ change }) => change.ledger)) {
      for (const [waiting, receipt] of await this.#append(connection, ledger, members, refused)) {
        const news = newsOf(waiting.change)
        written.set(waiting, { receipt, told: news && (await this.#audience.announce(connection, news)) })
      }
    }
    return written
  }

  async #append(
    connection: Transaction,
    ledger: string,
    members: readonly Waiting[],
    refused: Map<Waiting, Refused>,
  ): Promise<Map<Waiting, Receipt>> {
    let before: Frontier
    try {
      before = await this.#tree(connection, ledger)
    } catch (error) {
      if (!(error instanceof Refused)) throw error
      for (const waiting of members) refused.set(waiting, error)
      return new Map()
    }
    const projection = new Projection(this.#queries, connection)
    const accepted: { waiting: Waiting; index: number; leaf: Uint8Array }[] = []
    for (const waiting of members) {
      const { kind, at, bytes } = waiting.change
      const idx = before.size + accepted.length
      try {
        await this.#checkOperator(connection, waiting.change)
        await projection.apply(waiting.change, idx)
      } catch (error) {
        if (!(error instanceof Refused)) throw error
        refused.set(waiting, error)
        continue
      }
      const leaf = leafHash(bytes, nodeSha256)
      const about = aboutOf(waiting.change)
      connection.post(this.#queries.addEntry, { ledger, idx, kind, at, about, leaf, change: bytes })
      if (waiting.content !== undefined && 'digest' in waiting.change.body) {
        connection.post(this.#queries.addConfigContent, {
          digest: waiting.change.body.digest,
          content: waiting.content,
        })
      }
      accepted.push({ waiting, index: idx, leaf })
    }
    if (accepted.length === 0) return new Map()

    const leaves = accepted.map(({ leaf }) => leaf)
    const after = append(before, leaves, nodeSha256)
    for (const { level, index, hash } of after.tiles) {
      connection.post(this.#queries.addTile, { ledger, level, idx: index, hash })
    }
    const { origin, key } = this.#signer(ledger)
    const checkpoint = await signCheckpoint(key, origin, after.frontier.size, after.root)
    const { size } = after.frontier
    connection.post(this.#queries.setHead, { ledger, size, frontier: writeFrontier(after.frontier), checkpoint })
    return new Map(
      accepted.map(({ waiting, index }) => [
        waiting,
        { origin, index, entry: waiting.change.bytes, proof: after.prove(index), checkpoint },
      ]),
    )
  }

  /**
   * What an operator asked for is not done any more once he is revoked, however long it was on its way. Not for the
   * projection: a fleet's ledger is replayed without the hour at which the platform's says so.
   */
  async #checkOperator(connection: Transaction, change: Change): Promise<void> {
    const { by } = change
    if (isByOperator(change)) checkStanding(recordOf(await connection.first(this.#queries.record, { identity: by })))
  }

  /**
   * The tree that the ledger has, held against its signed head: the key signs no tree that does not begin with the one
   * it signed before, whoever wrote into the tables.
   */
  async #tree(connection: Transaction, ledger: string): Promise<Frontier> {
    const head = await connection.first(this.#queries.head, { ledger })
    if (head === undefined) {
      const [entry] = await connection.all(this.#queries.entries, { ledger, from: 0, to: 1 })
      if (entry || this.#signed.has(ledger)) throw new Refused('ledger-broken', `${ledger}: the head is gone`)
      return emptyFrontier
    }
    try {
      const frontier = readFrontier(head.frontier)
      const { size, root } = await this.#headOf(ledger, head.checkpoint)
      if (size === frontier.size && size === head.size && equal(root, rootOf(frontier, nodeSha256))) return frontier
    } catch (cause) {
      if (!(cause instanceof Refused)) throw cause
      throw new Refused('ledger-broken', `${ledger}: ${cause.message}`, { cause })
    }
    throw new Refused('ledger-broken', `${ledger}: the signed head is of another tree`)
  }

  async #headOf(ledger: string, checkpoint: string): Promise<Pick<Checkpoint, 'size' | 'root'>> {
    const { origin, key } = this.#signer(ledger)
    const ours = this.#signed.get(ledger)
    // What this process signed itself needs no verifying again.
    const verify: Verify = checkpoint === ours ? () => true : serverVerify
    const head = await readCheckpoint(checkpoint, { origin, publicKey: key.publicKey, verify })
    const last = ours === undefined || ours === checkpoint ? head : await this.#headOf(ledger, ours)
    if (head.size < last.size) throw new Refused('bad-checkpoint', 'the head was set back')
    return head
  }
}
