import { equal, hex } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import { checkMessageFact } from '@mintmark/core/evidence'
import { admitRaw, type PublicKey } from '@mintmark/core/keys'
import {
  append,
  type Checkpoint,
  emptyFrontier,
  type Frontier,
  leafHash,
  readCheckpoint,
  root,
  type TileHash,
} from '@mintmark/core/ledger'
import { type Change, change, isOfKind, readChange } from '@mintmark/core/rules'
import { type Certificate, type Charter, readCertificate, readCharter } from '@mintmark/core/signed'
import { nodeSha256, nodeVerify } from '@mintmark/elements'
import { serverVerify } from '../verify.ts'
import type { Connection, Dialect } from './database.ts'
import { entryOf, Finding, reasonOf } from './finding.ts'
import { type KeptHead, KeptHeads } from './kept.ts'
import { Projection } from './projection.ts'
import { queries } from './queries.ts'
import { openSqlite } from './sqlite.ts'

/** What is known from elsewhere, and not from what is replayed. */
export interface Known {
  readonly domain: string
  /** Signs the platform's ledger; undefined where that is not replayed. */
  readonly platformKey: PublicKey | undefined
  /** The root, where it is pinned; otherwise it is the one that the platform's ledger was founded on. */
  readonly root?: Certificate | undefined
  /** Heads from earlier days, which the ledgers must go on from. */
  readonly kept?: readonly KeptHead[] | undefined
  /** Called now and then with the number of entries done. */
  progress?(entries: number): void
}

/** A fact, its place, and the leaf hash that its bytes give. */
export interface Replayed {
  readonly fact: Change
  readonly idx: number
  readonly leaf: Uint8Array
}

/**
 * Ledgers replayed into an empty database, entry by entry, by the rules that wrote them: the one home of what an entry
 * must be. Whoever replays brings the entries in order, the platform's first, and compares what comes out.
 */
export class Replay {
  readonly #known: Known
  readonly #database = openSqlite(':memory:')
  readonly #queries = queries(this.#database.dialect)
  readonly #trees = new Map<string, Frontier>()
  readonly #keys = new Map<string, PublicKey>()
  readonly #kept: KeptHeads
  /** Digests (hex) of every configuration that was ever set. */
  readonly configurations = new Set<string>()
  entries = 0

  constructor(known: Known) {
    this.#known = known
    this.#kept = new KeptHeads(known.kept ?? [], ledger => this.#origin(ledger))
    if (known.platformKey) this.#keys.set('platform', known.platformKey)
  }

  /** The tables that the entries make. */
  get tables(): Connection {
    return this.#database.reader
  }

  get dialect(): Dialect {
    return this.#database.dialect
  }

  tree(ledger: string): Frontier {
    return this.#trees.get(ledger) ?? emptyFrontier
  }

  close(): void {
    this.#database.close()
  }

  /**
   * Goes on with a ledger.
   * @param look at each entry that could be read, before what follows from it
   * @returns the hashes of subtrees that are complete now
   * @throws Finding at the first entry that is not right
   */
  async extend(
    ledger: string,
    entries: Iterable<Uint8Array>,
    look: (replayed: Replayed) => void,
  ): Promise<readonly TileHash[]> {
    const before = this.tree(ledger)
    const leaves: Uint8Array[] = []
    await this.#database.transaction(async connection => {
      const projection = new Projection(this.#queries, connection)
      for (const bytes of entries) {
        const idx = before.size + leaves.length
        const leaf = leafHash(bytes, nodeSha256)
        await this.#entry(projection, ledger, { bytes, idx, leaf }, look)
        leaves.push(leaf)
        this.entries++
      }
    })
    if (before.size === 0) await this.#kept.prove(ledger, this.#keys.get(ledger)!)
    this.#kept.grown(ledger, before, leaves)
    const { frontier, tiles } = append(before, leaves, nodeSha256)
    this.#trees.set(ledger, frontier)
    this.#known.progress?.(this.entries)
    return tiles
  }

  /** The signed head is of this ledger, by its key, and of the entries that were replayed. */
  async head(ledger: string, checkpoint: string): Promise<Checkpoint & { readonly same: boolean }> {
    const [tree, publicKey] = [this.tree(ledger), this.#keys.get(ledger)]
    const where = entryOf(ledger, tree.size)
    if (publicKey === undefined) throw new Finding(where, 'the ledger has no head')
    this.#kept.ended(ledger, tree.size)
    let signed: Checkpoint
    try {
      signed = await readCheckpoint(checkpoint, { origin: this.#origin(ledger), publicKey, verify: nodeVerify })
    } catch (error) {
      throw new Finding(where, reasonOf(error))
    }
    if (signed.size !== tree.size) throw new Finding(where, `the signed head is of ${signed.size} entries`)
    return { ...signed, same: equal(signed.root, root(tree, nodeSha256)) }
  }

  /** Every ledger of which there is a head from an earlier day was replayed. @throws Finding */
  checkKept(): void {
    for (const ledger of this.#kept.ledgers) {
      if (!this.#trees.has(ledger)) throw new Finding(entryOf(ledger, 0), 'the ledger is not here any more')
    }
  }

  #origin(ledger: string): string {
    return `${ledger}.${this.#known.domain}/ledger`
  }

  async #entry(
    projection: Projection,
    ledger: string,
    { bytes, idx, leaf }: { readonly bytes: Uint8Array; readonly idx: number; readonly leaf: Uint8Array },
    look: (replayed: Replayed) => void,
  ): Promise<void> {
    const where = entryOf(ledger, idx)
    try {
      const fact = readChange(bytes)
      if (fact.ledger !== ledger) throw new Finding(where, 'an entry of another ledger')
      look({ fact, idx, leaf })
      checkCertificateFacts(fact)
      if (isOfKind(fact, 'message.accepted')) await checkMessageFact(fact, serverVerify)
      if (idx === 0) await this.#begin(projection, fact)
      await follow(where, projection, fact, idx)
      if (isOfKind(fact, 'config.set')) this.configurations.add(hex(fact.body.digest))
    } catch (error) {
      throw error instanceof Finding ? error : new Finding(where, reasonOf(error))
    }
  }

  /** Who signs a ledger is known before anything follows from it. */
  async #begin(projection: Projection, fact: Change): Promise<void> {
    const { ledger } = fact
    if (ledger === 'platform') {
      const { root } = this.#known
      if (root && isOfKind(fact, 'platform.founded') && !equal(fact.body.root, root.der)) {
        throw new Refused('other-root', 'the platform was founded on another root')
      }
    } else {
      this.#keys.set(ledger, await this.#charteredKey(projection, fact))
    }
  }

  /** The root's charter names the key that signs a fleet's ledger, so a rewritten ledger cannot bring its own. */
  async #charteredKey(projection: Projection, fact: Change): Promise<PublicKey> {
    if (!isOfKind(fact, 'fleet.activated')) throw new Refused('ledger-broken', 'it does not begin with its charter')
    const platform = await this.tables.first(this.#queries.platform, {})
    const root = this.#known.root ?? readCertificate(platform!.root)
    const charter = await readCharter(fact.body.charter, root.publicKey, nodeVerify)
    const { fleet, domain, authority } = charter
    if (fleet !== fact.ledger || domain !== this.#known.domain) {
      throw new Refused('bad-statement', 'charter of another fleet')
    }
    if (authority !== readCertificate(fact.body.certificate).publicKey.id) {
      throw new Refused('bad-statement', 'charter of another CA')
    }
    if (platform === undefined) await this.#presume(projection, fact, charter, root)
    return admitRaw('Ed25519', charter.ledgerKey)
  }

  /** A fleet's ledger without the platform's: that there is such a platform and fleet, as root and charter say. */
  async #presume(
    projection: Projection,
    { at, body, ledger: fleet }: Change<'fleet.activated'>,
    { domain, ledgerKey }: Charter,
    root: Certificate,
  ): Promise<void> {
    const none = { ledger_key: new Uint8Array(32), development: 0, founded: at }
    await this.tables.run(this.#queries.addPlatform, { id: 1, domain, root: root.der, ...none })
    const key = readCertificate(body.certificate).publicKey.spki
    const made = { fleet, key, ledgerKey, public: false, reason: undefined }
    await projection.apply(change({ kind: 'fleet.created', at, by: 'platform', ledger: 'platform', body: made }), 0)
  }
}

async function follow(where: string, projection: Projection, fact: Change, idx: number): Promise<void> {
  try {
    await projection.apply(fact, idx)
  } catch (error) {
    throw new Finding(where, `the fact does not follow: ${reasonOf(error)}`)
  }
}

/** What an entry says of its certificate is what the certificate says. */
function checkCertificateFacts({ kind, body }: Change): void {
  if (kind !== 'identity.enrolled' && kind !== 'identity.renewed' && kind !== 'key.introduced') return
  const said = body as Change<'identity.enrolled'>['body']
  const { serial, notAfter, publicKey } = readCertificate(said.certificate)
  const spki = kind === 'identity.renewed' || equal(publicKey.spki, said.spki)
  if (serial !== said.serial || notAfter !== said.notAfter || !spki) throw new Refused('bad-certificate', 'facts')
}
