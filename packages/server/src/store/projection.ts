import { hex } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import { admitRaw, admitSpki } from '@mintmark/core/keys'
import { readPath } from '@mintmark/core/names'
import {
  type Change,
  type ChangeKind,
  checkPace,
  checkReplacement,
  checkSpend,
  checkStanding,
  checkSuccession,
  checkTransition,
  type Permit,
  pace,
  type RegistryRecord,
  readLateRenewal,
  readMessagesPerMinute,
  type Tier,
  useOf,
} from '@mintmark/core/rules'
import { claimedSigner, readCertificate, readDecommissionConfirmation, readKeySuccession } from '@mintmark/core/signed'
import { nodeSha256, nodeVerify } from '@mintmark/elements'
import type { Transaction } from './database.ts'
import { Messages } from './messages.ts'
import { Operators } from './operators.ts'
import type { Queries } from './queries.ts'
import { RightsAndSealing } from './rights.ts'
import { permitOf, recordOf } from './rows.ts'
import { Settings } from './settings.ts'
import type { Tables } from './tables.ts'

/**
 * What each kind of change does to the tables. First its preconditions, checked inside the transaction by the same
 * rules that decided it, then its rows; a change that is refused has written nothing.
 * The one home of this knowledge: commits, replays and audits all come through here.
 */
export class Projection {
  readonly #queries: Queries
  readonly #connection: Transaction
  readonly #operators: Operators
  readonly #settings: Settings
  readonly #rights: RightsAndSealing
  readonly #messages: Messages

  constructor(queries: Queries, connection: Transaction) {
    this.#queries = queries
    this.#connection = connection
    this.#operators = new Operators(queries, connection)
    this.#settings = new Settings(queries, connection)
    this.#rights = new RightsAndSealing(queries, connection)
    this.#messages = new Messages(queries, connection)
  }

  /** @param idx where the change stands in its ledger */
  async apply(change: Change, idx: number): Promise<void> {
    const projector = this.#projectors[change.kind] as (change: Change, idx: number) => Promise<void>
    await projector.call(this, change, idx)
  }

  readonly #projectors: { readonly [K in ChangeKind]: (change: Change<K>, idx: number) => Promise<void> } = {
    'platform.founded': async ({ at, body, ledger }, idx) => {
      const { domain, root, server, people, ledgerKey, development } = body
      const ledgerSpki = admitRaw('Ed25519', ledgerKey).spki
      await this.#own(
        { 'platform/root-ca': readCertificate(root).publicKey.spki, 'platform/ledger': ledgerSpki },
        at,
        ledger,
        idx,
      )
      const row = { id: 1, domain, root, ledger_key: ledgerKey, development: development ? 1 : 0, founded: at }
      this.#connection.post(this.#queries.addPlatform, row)
      await this.#authority('platform', 'server', server, at, ledger, idx)
      await this.#authority('platform', 'people', people, at, ledger, idx)
    },

    'server.certified': (change, idx) => this.#certified('platform/server', change, idx),
    'notice.certified': (change, idx) => this.#certified('platform/notice', change, idx),

    'fleet.created': async ({ at, body, ledger }, idx) => {
      if (await this.#connection.first(this.#queries.fleet, { name: body.fleet })) throw new Refused('fleet-exists')
      const ledgerSpki = admitRaw('Ed25519', body.ledgerKey).spki
      await this.#own({ [`${body.fleet}/ca`]: body.key, [`${body.fleet}/ledger`]: ledgerSpki }, at, ledger, idx)
      this.#connection.post(this.#queries.addFleet, {
        name: body.fleet,
        state: 'pending',
        public: body.public ? 1 : 0,
        authority_key: body.key,
        ledger_key: body.ledgerKey,
        created: at,
        charter: null,
        activated: null,
        late_renewal: 0,
        messages_per_minute: null,
      })
    },

    'fleet.activated': async ({ at, body, ledger }, idx) => {
      const fleet = await this.#connection.first(this.#queries.fleet, { name: ledger })
      if (fleet === undefined) throw new Refused('fleet-unknown')
      if (fleet.state !== 'pending') throw new Refused('already-done')
      await this.#authority(ledger, 'fleet', body.certificate, at, ledger, idx)
      this.#connection.post(this.#queries.activateFleet, { name: ledger, charter: body.charter, activated: at })
    },

    'fleet.policy': async ({ body, ledger }) => {
      await this.#activeFleet(ledger)
      // What is not said stays as it is.
      if (body.lateRenewal !== undefined) {
        const lateRenewal = readLateRenewal(body.lateRenewal)
        this.#connection.post(this.#queries.setLateRenewal, { name: ledger, lateRenewal })
      }
      if (body.messagesPerMinute !== undefined) {
        const messagesPerMinute = readMessagesPerMinute(body.messagesPerMinute)
        this.#connection.post(this.#queries.setMessagesPerMinute, { name: ledger, messagesPerMinute })
      }
    },

    'token.created': async ({ at, by, body, ledger }) => {
      if (ledger !== 'platform') await this.#activeFleet(ledger)
      const { role, pattern, replaces } = body
      if (replaces !== undefined) checkReplacement(await this.#record(`${ledger}/${role}/${pattern}`), replaces)
      if (role === 'operator') await this.#operators.checkInvitation(by, ledger, body)
      else if (body.grants !== undefined) throw new Refused('bad-grants', role)
      this.#connection.post(this.#queries.addPermit, {
        id: body.token,
        fleet: ledger,
        role: body.role,
        secret_hash: body.secretHash,
        uses: body.uses,
        uses_left: body.uses,
        expires: body.expires,
        pattern: body.pattern ?? null,
        tier: body.tier,
        replaces: replaces ?? null,
        grants: body.grants ?? null,
        created: at,
        created_by: by,
        revoked: null,
      })
    },

    'token.revoked': async ({ at, body, ledger }) => {
      const permit = await this.#permit(body.token)
      if (permit?.fleet !== ledger) throw new Refused('token-unknown')
      if (permit.revoked) throw new Refused('token-revoked')
      this.#connection.post(this.#queries.revokePermit, { id: body.token, revoked: at })
    },

    'identity.enrolled': async ({ at, body, ledger }, idx) => {
      const { identity, serial, spki } = body
      const { fleet, role, name } = readPath(identity)
      const key = hex(nodeSha256(spki))
      // Asked together, as each question is a way to PostgreSQL and back.
      const [owner, permit, holder] = await Promise.all([
        this.#connection.first(this.#queries.keyOwner, { id: key }),
        body.token === undefined ? undefined : this.#permit(body.token),
        this.#record(identity),
      ])
      // First of all: a retry that comes while the first try is committed must hear of its key, not of the use it took.
      if (owner) throw new Refused('key-in-use')
      if (body.token !== undefined) {
        if (permit === undefined) throw new Refused('token-unknown')
        if (permit.fleet !== ledger || permit.role !== role) throw new Refused('token-fleet')
        checkSpend(permit, name, body.tier as Tier, at)
      }
      // The right to replace is the token's, and a token with it does nothing else.
      if (permit?.replaces !== body.replaces) throw new Refused('token-name')
      if (body.replaces !== undefined) checkReplacement(holder, body.replaces)
      else if (holder) throw new Refused(holder.standing === 'good' ? 'name-taken' : 'name-retired')

      if (role === 'operator') await this.#operators.add(identity, permit)
      if (permit) this.#connection.post(this.#queries.spendPermit, { id: permit.id })
      if (holder) {
        const { tier, notAfter } = body
        this.#supersede(holder.key, at)
        if (holder.pending) this.#supersede(holder.pending, at)
        this.#connection.post(this.#queries.replaceKey, { identity, key, tier, serial, notAfter })
      } else {
        this.#connection.post(this.#queries.addRecord, {
          identity,
          fleet,
          role,
          name,
          standing: 'good',
          standing_at: at,
          standing_idx: idx,
          reason: null,
          key,
          pending: null,
          tier: body.tier,
          enrolled: at,
          serial,
          not_after: body.notAfter,
          wiped: null,
          wiped_idx: null,
        })
      }
      this.#connection.post(this.#queries.addKey, {
        id: key,
        identity,
        permit: permit?.id ?? null,
        spki,
        since: at,
        until: null,
        ledger,
        idx,
      })
      this.#issued({ serial, identity, key, issued: at, not_after: body.notAfter, ledger, idx })
    },

    'identity.renewed': async ({ at, by, body, ledger }, idx) => {
      const { identity, serial, notAfter, certificate } = body
      const { key } = await this.#good(identity)
      // Decided before the key was superseded.
      if (readCertificate(certificate).publicKey.id !== key) throw new Refused('key-superseded')
      // What the platform renews for itself is its own affair.
      if (by === identity) await this.#checkPace(identity, at)
      this.#connection.post(this.#queries.setCertificate, { identity, serial, notAfter })
      this.#issued({ serial, identity, key, issued: at, not_after: notAfter, ledger, idx })
    },

    'key.introduced': async ({ at, body, ledger }, idx) => {
      const { identity, serial, spki, succession } = body
      const record = await this.#good(identity)
      const { id: key } = admitSpki(spki)
      const owner = await this.#connection.first(this.#queries.keyOwner, { id: key })
      const before = await this.#connection.first(this.#queries.certificateOf, { identity, key })
      // Once more only while it is pending, and its certificate has ended before it was used.
      const again = key === record.pending && before !== undefined && before.not_after < at
      if (owner && !again) throw new Refused('key-in-use')
      await this.#checkSuccession(record, key, succession)
      await this.#checkPace(identity, at)
      if (record.pending && record.pending !== key) this.#supersede(record.pending, at)
      this.#connection.post(this.#queries.setPending, { identity, pending: key, tier: body.tier })
      const added = { id: key, identity, permit: null, spki, since: at, until: null, ledger, idx }
      if (!owner) this.#connection.post(this.#queries.addKey, added)
      this.#issued({ serial, identity, key, issued: at, not_after: body.notAfter, ledger, idx })
    },

    'key.promoted': async ({ at, body: { identity, key } }) => {
      const { pending, key: before } = await this.#good(identity)
      const certificate = await this.#connection.first(this.#queries.certificateOf, { identity, key })
      if (pending !== key || certificate === undefined) throw new Refused('key-superseded')
      const { serial, not_after: notAfter } = certificate
      this.#supersede(before, at)
      this.#connection.post(this.#queries.setKey, { identity, key, serial, notAfter })
    },

    'operator.granted': ({ by, body }) => this.#operators.grant(by, body.identity, body.grants),
    'session.opened': async () => undefined,

    'identity.revoked': ({ at, body }, idx) => this.#lower(body.identity, 'revoked', body.reason, at, idx),
    'identity.decommissioned': ({ at, body }, idx) =>
      this.#lower(body.identity, 'decommissioned', body.reason, at, idx),

    'identity.wiped': async ({ at, body }, idx) => {
      const { identity, confirmation } = body
      const row = await this.#connection.first(this.#queries.record, { identity })
      if (row === undefined) throw new Refused('device-unknown')
      if (row.standing !== 'decommissioned') throw new Refused('not-decommissioned')
      if (row.wiped !== null) throw new Refused('wipe-confirmed')
      const signer = claimedSigner(confirmation)
      if (useOf(row, signer) === undefined) throw new Refused('key-superseded')
      // So a replay finds a confirmation that the device never signed.
      const key = await this.#connection.first(this.#queries.keyOwner, { id: signer })
      const said = await readDecommissionConfirmation(confirmation, admitSpki(key!.spki), nodeVerify)
      const platform = await this.#connection.first(this.#queries.platform, {})
      if (said.identity !== identity || said.domain !== platform?.domain) throw new Refused('bad-statement', 'another')
      this.#connection.post(this.#queries.setWiped, { identity, at, idx })
    },

    'message.accepted': fact => this.#messages.accept(fact),

    'device.labelled': ({ body, ledger }) => this.#settings.label(ledger, body),

    'scope.set': fact => this.#rights.grant(fact),
    'sealing.published': fact => this.#rights.publish(fact),

    'config.set': fact => this.#configure(fact),
    'config.unset': fact => this.#configure(fact),

    refused: async ({ at, by, body, ledger }, idx) => {
      const { code, operation, count } = body
      const row = { ledger, who: by, code, operation, first_at: at, last_at: at, count, idx }
      this.#connection.post(this.#queries.addRefusal, row)
    },
  }

  async #lower(
    identity: string,
    standing: 'revoked' | 'decommissioned',
    reason: string,
    at: number,
    idx: number,
  ): Promise<void> {
    const record = await this.#record(identity)
    if (record === undefined) throw new Refused('device-unknown')
    checkTransition(record.standing, standing)
    if (readPath(identity).role === 'operator') await this.#operators.keepAdmin(identity)
    this.#connection.post(this.#queries.setStanding, { identity, standing, at, idx, reason })
  }

  async #record(identity: string): Promise<RegistryRecord | undefined> {
    return recordOf(await this.#connection.first(this.#queries.record, { identity }))
  }

  /** What the platform certified for itself. */
  async #certified(
    identity: string,
    { at, body, ledger }: Change<'server.certified' | 'notice.certified'>,
    idx: number,
  ) {
    const { serial, publicKey, notAfter } = readCertificate(body.certificate)
    await this.#own({ [identity]: publicKey.spki }, at, ledger, idx)
    this.#issued({ serial, identity, key: publicKey.id, issued: at, not_after: notAfter, ledger, idx })
  }

  /** Another key takes its place. */
  #supersede(id: string, at: number): void {
    this.#connection.post(this.#queries.supersedeKey, { id, at })
  }

  async #good(identity: string): Promise<RegistryRecord> {
    const record = await this.#record(identity)
    checkStanding(record)
    return record!
  }

  /** The current key signed for the new one: checked here too, so that a replay proves every change of key. */
  async #checkSuccession({ identity, key }: RegistryRecord, next: string, statement: Uint8Array): Promise<void> {
    const platform = await this.#connection.first(this.#queries.platform, {})
    const current = await this.#connection.first(this.#queries.keyOwner, { id: key })
    const said = await readKeySuccession(statement, admitSpki(current!.spki), nodeVerify)
    checkSuccession(said, { domain: platform!.domain, identity, old: key, new: next })
  }

  async #checkPace(identity: string, at: number): Promise<void> {
    const span = { identity, from: at - pace.within, to: at, limit: pace.most }
    const rows = await this.#connection.all(this.#queries.issued, span)
    checkPace(
      rows.map(({ issued }) => issued),
      at,
    )
  }

  #issued(row: Tables['certificate']): void {
    this.#connection.post(this.#queries.addCertificate, row)
  }

  async #configure({ at, by, ledger, body }: Change<'config.set' | 'config.unset'>): Promise<void> {
    await this.#activeFleet(ledger)
    const { target, version, reason = null } = body
    const digest = 'digest' in body ? body.digest : null
    await this.#settings.configure({ fleet: ledger, version, target, digest, set_at: at, set_by: by, reason })
  }

  async #activeFleet(name: string): Promise<void> {
    const fleet = await this.#connection.first(this.#queries.fleet, { name })
    if (fleet === undefined) throw new Refused('fleet-unknown')
    if (fleet.state !== 'active') throw new Refused('fleet-pending')
  }

  async #permit(id: string): Promise<Permit | undefined> {
    return permitOf(await this.#connection.first(this.#queries.permit, { id }))
  }

  async #authority(fleet: string, use: string, certificate: Uint8Array, since: number, ledger: string, idx: number) {
    const { subjectKeyId, publicKey, serial, notAfter } = readCertificate(certificate)
    const identity = fleet === 'platform' ? `platform/${use}-ca` : `${fleet}/ca`
    await this.#own({ [identity]: publicKey.spki }, since, ledger, idx)
    const row = { key_id: hex(subjectKeyId!), fleet, use, certificate, since }
    this.#connection.post(this.#queries.addAuthority, row)
    this.#issued({ serial, identity, key: publicKey.id, issued: since, not_after: notAfter, ledger, idx })
  }

  /** Claims keys of the platform's own, SPKI by owner, so that no device can enroll with one: all of them or none. */
  async #own(claims: Readonly<Record<string, Uint8Array>>, at: number, ledger: string, idx: number): Promise<void> {
    const rows: Tables['key'][] = []
    for (const [identity, spki] of Object.entries(claims)) {
      const { id } = admitSpki(spki)
      const owner = await this.#connection.first(this.#queries.keyOwner, { id })
      if (owner?.identity === identity) continue
      if (owner) throw new Refused('key-in-use')
      rows.push({ id, identity, permit: null, spki, since: at, until: null, ledger, idx })
    }
    for (const row of rows) this.#connection.post(this.#queries.addKey, row)
  }
}
