import { Refused } from '@mintmark/core/errors'
import { admitSpki } from '@mintmark/core/keys'
import { type Change, type Rights, readRights, sameRights } from '@mintmark/core/rules'
import { readEncryptionKey } from '@mintmark/core/signed'
import { nodeVerify } from '@mintmark/elements'
import type { Transaction } from './database.ts'
import type { Queries } from './queries.ts'

const hourLong = 3_600_000
/** As many as a device may have certificates: each is an entry that stays. */
const mostInHour = 6

/** What facts about messages do to the tables: what names may send for, and what is sealed to them. */
export class RightsAndSealing {
  readonly #queries: Queries
  readonly #connection: Transaction

  constructor(queries: Queries, connection: Transaction) {
    this.#queries = queries
    this.#connection = connection
  }

  async grant({ at, by, ledger, body }: Change<'scope.set'>): Promise<void> {
    const { identity, scopes, recipients, devices, counts, reason = null } = body
    const given: Rights = { scopes, recipients, devices, counts }
    // One spelling: what a person reads in the ledger is what holds.
    if (!sameRights(readRights(given), given)) throw new Refused('bad-request', 'rights out of order')
    await this.#goodDevice(ledger, identity)
    this.#connection.post(this.#queries.setRights, {
      identity,
      scopes: scopes.join(' '),
      recipients: recipients?.join(' ') ?? null,
      devices: devices.join(' '),
      counts: counts ? 1 : 0,
      set_at: at,
      set_by: by,
      reason,
    })
  }

  async publish({ at, ledger, body }: Change<'sealing.published'>): Promise<void> {
    const { identity, version, statement } = body
    const { key } = await this.#goodDevice(ledger, identity)
    const current = await this.#connection.first(this.#queries.keyOwner, { id: key })
    const said = await readEncryptionKey(statement, admitSpki(current!.spki), nodeVerify)
    if (said.version !== version || !(said.expires > at)) throw new Refused('bad-statement', 'over, or another version')
    const before = await this.#connection.first(this.#queries.sealing, { identity })
    // Whoever has an old statement could otherwise bring back the key that it names.
    if (before?.key === key && !(version > before.version)) throw new Refused('bad-statement', 'a version that is over')
    const hour = Math.floor(at / hourLong)
    const published = (before?.hour === hour ? before.published : 0) + 1
    if (published > mostInHour) {
      throw new Refused('slow-down', 'encryption keys', { retryAfter: (hour + 1) * hourLong - at })
    }
    this.#connection.post(this.#queries.setSealing, { identity, key, version, statement, hour, published })
  }

  async #goodDevice(fleet: string, identity: string) {
    const record = await this.#connection.first(this.#queries.record, { identity })
    if (record?.role !== 'device' || record.fleet !== fleet) throw new Refused('device-unknown')
    if (record.standing !== 'good') throw new Refused('standing-final')
    return record
  }
}
