import { Refused } from '@mintmark/core/errors'
import {
  type ChangeBody,
  checkGiven,
  checkStanding,
  type Grants,
  mayDoEverything,
  type Permit,
  readGrants,
} from '@mintmark/core/rules'
import type { Transaction } from './database.ts'
import type { Queries } from './queries.ts'
import { recordOf } from './rows.ts'

/** What facts about operators do to the tables: the projection's part that knows of grants. */
export class Operators {
  readonly #queries: Queries
  readonly #connection: Transaction

  constructor(queries: Queries, connection: Transaction) {
    this.#queries = queries
    this.#connection = connection
  }

  /** A token for an operator is for one name and one use, and gives nothing that its maker has not to give. */
  async checkInvitation(
    by: string,
    ledger: string,
    { uses, pattern, grants, replaces }: ChangeBody<'token.created'>,
  ): Promise<void> {
    const isOne = uses === 1 && pattern !== undefined && !pattern.includes('*') && replaces === undefined
    if (ledger !== 'platform' || !isOne || grants === undefined) throw new Refused('bad-request', 'invitation')
    checkGiven(await this.#held(by), new Map(), readGrants(grants))
  }

  /** The platform's own operator may do everything; any other what the token says, while its maker could still say so. */
  async add(identity: string, permit: Permit | undefined): Promise<void> {
    const grants = permit === undefined ? 'admin:*' : permit.grants
    if (grants === undefined) throw new Refused('token-fleet')
    if (permit) await this.#checkMaker(permit.id, readGrants(grants))
    this.#connection.post(this.#queries.addOperator, { identity, grants })
  }

  async grant(by: string, identity: string, grants: string): Promise<void> {
    const record = recordOf(await this.#connection.first(this.#queries.record, { identity }))
    const row = await this.#connection.first(this.#queries.operator, { identity })
    if (record === undefined || row === undefined) throw new Refused('operator-unknown')
    if (record.standing !== 'good') throw new Refused('standing-final')
    const next = readGrants(grants)
    checkGiven(await this.#held(by), readGrants(row.grants), next)
    if (!mayDoEverything(next)) await this.keepAdmin(identity)
    this.#connection.post(this.#queries.setGrants, { identity, grants })
  }

  /** Whatever becomes of this operator, another one may do everything, or it may not become of this one now. */
  async keepAdmin(identity: string): Promise<void> {
    const admins = await this.#connection.all(this.#queries.fullAdmins, {})
    if (admins.length === 1 && admins[0]!.identity === identity) throw new Refused('last-admin')
  }

  async #checkMaker(id: string, grants: Grants): Promise<void> {
    const row = await this.#connection.first(this.#queries.permit, { id })
    try {
      checkGiven(await this.#held(row!.created_by), new Map(), grants)
    } catch (cause) {
      if (!(cause instanceof Refused)) throw cause
      throw new Refused('token-revoked', 'who made it may not give that any more', { cause })
    }
  }

  /** What someone may give now: the platform all, an operator in good standing what he holds. */
  async #held(identity: string): Promise<Grants> {
    if (identity === 'platform') return readGrants('admin:*')
    checkStanding(recordOf(await this.#connection.first(this.#queries.record, { identity })))
    return readGrants((await this.#connection.first(this.#queries.operator, { identity }))?.grants ?? '')
  }
}
