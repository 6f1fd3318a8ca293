import type { Entry } from '@mintmark/agent'
import { Refused } from '@mintmark/core/errors'
import { admitSpki, type PublicKey, readDidKey } from '@mintmark/core/keys'
import { path, readName } from '@mintmark/core/names'
import { compileScopes, noRights, type Rights, type Standing } from '@mintmark/core/rules'
import { isNamed } from '@mintmark/core/signed'
import { nodeSha256 } from '@mintmark/elements'
import { webDid } from '../web-did.ts'
import type { Connection } from './database.ts'
import type { Queries } from './queries.ts'
import { rightsOf } from './rows.ts'
import type { RecordWithKeys } from './store.ts'
import type { Tables } from './tables.ts'

/** A name of a fleet as a sender of messages: what the SDK asks of a registry, and whose name it is. */
export interface Sender extends Entry {
  readonly identity: string
}

/**
 * Senders and receivers of one fleet as the registry has them now. Of other fleets there is nobody: a name that is not
 * of this one is as unknown as one of nobody.
 */
export class Correspondents {
  readonly #queries: Queries
  readonly #connection: Connection
  readonly #fleet: string
  readonly #domain: string

  constructor(queries: Queries, connection: Connection, { fleet, domain }: { fleet: string; domain: string }) {
    this.#queries = queries
    this.#connection = connection
    this.#fleet = fleet
    this.#domain = domain
  }

  /**
   * Who sends by this key.
   * @param key did:key or short id, and `issuer` the did:web beside it where there is one
   * @param to the receiver, by whom it is decided whether the sender may send there
   * @throws Refused `key-superseded`
   */
  async sender(key: string, issuer: string | undefined, to: Recipient | undefined): Promise<Sender | undefined> {
    const owner = await this.#keyNamed(key)
    const row = owner && (await this.#record(owner.identity))
    if (owner === undefined || row === undefined) return undefined
    if (issuer !== undefined && issuer !== this.#didWeb(row)) return undefined
    const rights = rightsOf(await this.#connection.first(this.#queries.rights, { identity: row.identity }))
    const sender = senderOf(row, owner.spki, rights, isReachable(rights, to, this.#domain))
    if (row.key === owner.id || row.standing !== 'good') return sender
    if (row.pending === owner.id) return undefined
    throw new Superseded(sender)
  }

  /** Who is meant by a DID or a short id; undefined for nobody of this fleet in good standing, or a key that is not current. */
  async recipient(audience: string): Promise<Recipient | undefined> {
    const name = audience.startsWith('did:web:') ? this.#nameIn(audience) : undefined
    const owner = audience.startsWith('did:web:') ? undefined : await this.#keyNamed(audience)
    const identity = name ?? owner?.identity
    const row = identity === undefined ? undefined : await this.#record(identity)
    if (row === undefined || !isMeant(row, audience, this.#domain)) return undefined
    return { row, audience }
  }

  async #record(identity: string): Promise<RecordWithKeys | undefined> {
    const row = (await this.#connection.first(this.#queries.recordWithKeys, { identity })) as RecordWithKeys | undefined
    return row?.fleet === this.#fleet ? row : undefined
  }

  async #keyNamed(key: string): Promise<Tables['key'] | undefined> {
    if (key.startsWith('did:key:')) {
      const id = readKeyId(key)
      return id === undefined ? undefined : this.#connection.first(this.#queries.keyOwner, { id })
    }
    if (key.startsWith('did:')) return undefined
    const from = Buffer.from(key, 'base64url').toString('hex')
    // 'g' is the character after 'f'. There is one, unless somebody took pains; whoever was here first keeps it.
    const keys = await this.#connection.all(this.#queries.keysBetween, { from, to: `${from}g`, limit: 16 })
    return keys.filter(({ ledger }) => ledger === this.#fleet).toSorted((a, b) => a.idx - b.idx)[0]
  }

  #didWeb(row: RecordWithKeys): string | undefined {
    return row.role === 'device' ? webDid(this.#domain, row.fleet, row.name) : undefined
  }

  #nameIn(did: string): string | undefined {
    const prefix = webDid(this.#domain, this.#fleet, '')
    if (!did.startsWith(prefix)) return undefined
    try {
      return path({ fleet: this.#fleet, role: 'device', name: readName(did.slice(prefix.length)) })
    } catch (error) {
      if (error instanceof Refused) return undefined
      throw error
    }
  }
}

/** A name that a message may be to, and how the message calls it. */
export interface Recipient {
  readonly row: RecordWithKeys
  readonly audience: string
}

/** Another key took the place of the one that a message names. */
export class Superseded extends Refused {
  /** As it would send, with the key that the message names. */
  readonly sender: Sender

  constructor(sender: Sender) {
    super('key-superseded', sender.identity)
    this.sender = sender
  }
}

/** Whether a DID or a short id means this name now: in good standing, by its current key or as its did:web. */
export function isMeant(row: RecordWithKeys, audience: string, domain: string): boolean {
  if (row.standing !== 'good') return false
  if (audience.startsWith('did:web:')) return row.role === 'device' && audience === webDid(domain, row.fleet, row.name)
  return isNamed(admitted(row.spki), audience)
}

/** Whether the rights of a sender let it send to a name. */
export function isReachable(rights: Rights | undefined, to: Recipient | undefined, domain: string): boolean {
  if (rights?.recipients === undefined) return true
  if (to === undefined) return false
  const { fleet, name, role } = to.row
  return rights.recipients.some(each =>
    each.startsWith('did:')
      ? isMeant(to.row, each, domain)
      : role === 'device' && to.row.identity === path({ fleet, role, name: each }) && name === each,
  )
}

export function senderOf(row: RecordWithKeys, spki: Uint8Array, rights: Rights | undefined, mayReach: boolean): Sender {
  const { scopes, devices, counts } = rights ?? noRights
  return {
    identity: row.identity,
    did: row.identity,
    key: admitted(spki),
    standing: row.standing as Standing,
    covers: compileScopes(scopes),
    // Whether it may send to the one receiver is decided: the set says it for that one.
    recipients: mayReach ? undefined : nobody,
    isCounted: counts,
    devices: new Set(devices),
    madeAt: undefined,
    encryption: undefined,
  }
}

const nobody: ReadonlySet<string> = new Set()

function readKeyId(did: string): string | undefined {
  const known = idsOfDids.get(did)
  if (known !== undefined) return known
  try {
    const { id } = readDidKey(did)
    remember(idsOfDids, did, id)
    return id
  } catch (error) {
    if (error instanceof Refused) return undefined
    throw error
  }
}

/** A key is admitted once, and not again with every message: it costs as much as a signature where the curve is P-256. */
export function admitted(spki: Uint8Array): PublicKey {
  const id = Buffer.from(nodeSha256(spki)).toString('latin1')
  const known = keys.get(id)
  if (known) return known
  const key = admitSpki(spki)
  remember(keys, id, key)
  return key
}

const mostKnown = 16_384
// Each says the same for ever of what it is asked by, so forgetting is no fault and neither is remembering.
const keys = new Map<string, PublicKey>()
const idsOfDids = new Map<string, string>()

function remember<T>(known: Map<string, T>, name: string, value: T): void {
  if (known.size >= mostKnown) known.clear()
  known.set(name, value)
}
