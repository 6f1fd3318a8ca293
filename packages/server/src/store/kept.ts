import { equal } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import type { PublicKey } from '@mintmark/core/keys'
import { append, type Checkpoint, type Frontier, readCheckpoint, root } from '@mintmark/core/ledger'
import { nodeSha256, nodeVerify } from '@mintmark/elements'
import { entryOf, Finding } from './finding.ts'

/** A head of a ledger that someone kept from an earlier day. */
export interface KeptHead {
  /** Where it was found, for people. */
  readonly name: string
  readonly ledger: string
  readonly checkpoint: string
  /** Leaf hashes of its tree, where they were kept too: they tell which entry is another one. */
  readonly leaves?: ((from: number, to: number) => Uint8Array[]) | undefined
}

/**
 * Kept heads, held against a ledger that is replayed: each must be the head of its first so many entries. One that is
 * not is proof, signed by the ledger's own key, that the ledger was set back or written anew.
 */
export class KeptHeads {
  readonly #origin: (ledger: string) => string
  readonly #all: readonly KeptHead[]
  readonly #read = new Map<KeptHead, Checkpoint>()

  constructor(all: readonly KeptHead[], origin: (ledger: string) => string) {
    this.#all = all
    this.#origin = origin
  }

  /** The ledgers that there must be. */
  get ledgers(): ReadonlySet<string> {
    return new Set(this.#all.map(({ ledger }) => ledger))
  }

  /** @throws Refused `bad-checkpoint` where one is no signed head of this ledger, so says nothing of it */
  async prove(ledger: string, publicKey: PublicKey): Promise<void> {
    for (const kept of this.#of(ledger)) {
      try {
        const by = { origin: this.#origin(ledger), publicKey, verify: nodeVerify }
        this.#read.set(kept, await readCheckpoint(kept.checkpoint, by))
      } catch (cause) {
        if (!(cause instanceof Refused)) throw cause
        throw new Refused('bad-checkpoint', `${kept.name}: ${cause.detail}`, { cause })
      }
    }
  }

  /** Entries were added to a tree. @throws Finding */
  grown(ledger: string, before: Frontier, leaves: readonly Uint8Array[]): void {
    for (const kept of this.#of(ledger)) {
      const head = this.#read.get(kept)!
      const count = Math.min(leaves.length, head.size - before.size)
      if (count <= 0) continue
      const same = kept.leaves?.(before.size, before.size + count)
      const other = same?.findIndex((leaf, i) => !equal(leaf, leaves[i]!)) ?? -1
      if (other >= 0) throw new Finding(entryOf(ledger, before.size + other), `another entry than in ${kept.name}`)
      if (before.size + leaves.length < head.size) continue
      const { frontier } = append(before, leaves.slice(0, count), nodeSha256)
      if (equal(root(frontier, nodeSha256), head.root)) continue
      throw new Finding(entryOf(ledger, head.size - 1), `an entry up to here is another one than in ${kept.name}`)
    }
  }

  /** The ledger has no more entries. @throws Finding */
  ended(ledger: string, size: number): void {
    for (const kept of this.#of(ledger)) {
      const head = this.#read.get(kept)
      if (head === undefined) throw new Finding(entryOf(ledger, 0), 'the ledger has no entries any more')
      if (head.size <= size) continue
      throw new Finding(entryOf(ledger, size), `the ledger ends here, and had ${head.size} entries in ${kept.name}`)
    }
  }

  #of(ledger: string): KeptHead[] {
    return this.#all.filter(kept => kept.ledger === ledger)
  }
}
