import { base64, readBase64, readPem } from '@mintmark/core/bytes'
import { admitRaw } from '@mintmark/core/keys'
import { checkConsistency, checkInclusion, leafHash, proveConsistency, readCheckpoint } from '@mintmark/core/ledger'
import { type Change, isOfKind, readChange } from '@mintmark/core/rules'
import { nodeSha256, nodeVerify } from '@mintmark/elements'
import { auditData } from '@mintmark/server'
import type { Acknowledged, Load, Loss, Seeded, Tally, Told } from '@mintmark/testing/faults'
import { expect } from 'vitest'
import { openForReading } from '../../packages/server/src/open-database.ts'
import type { Database } from '../../packages/server/src/store/index.ts'

type Row = Record<string, unknown>
type Head = Awaited<ReturnType<typeof readCheckpoint>>

const domain = 'example.test'

/** The ledger of a fleet, in order; its indices are contiguous. */
export const ledgerOf = (data: string, ledger: string): Promise<Change[]> =>
  withDatabase(data, database => readLedger(database, ledger, 0))

async function readLedger(database: Database, ledger: string, from: number): Promise<Change[]> {
  const sql = `select idx, change from ledger_entry where ledger = '${ledger}' and idx >= ${from} order by idx`
  const rows = await readRows(database, sql)
  expect(rows.map(({ idx }) => idx)).toEqual(rows.map((_, i) => from + i))
  return rows.map(({ change }) => readChange(change as Uint8Array))
}

const readRows = async ({ reader }: Database, sql: string): Promise<Row[]> =>
  reader.all<object, Row>({ sql, bind: () => [] }, {})

async function withDatabase<T>(data: string, work: (database: Database) => Promise<T>): Promise<T> {
  const database = (await openForReading(data, {}))!
  try {
    return await work(database)
  } finally {
    await database.close()
  }
}

/**
 * Holds a platform against what its clients were told, after each fault: everything that they rely on is there, nothing
 * was given twice, and the ledger's heads are one history. What was looked at once need not be looked at again, as long
 * as each new head contains the one before.
 */
export class Checker {
  readonly #data: string
  /** Open while it checks. */
  #database!: Database
  readonly #fleet: string
  readonly #load: Load
  readonly #chance: Seeded
  #head: Head | undefined
  readonly #keys = new Map<string, string>()
  readonly #serials = new Map<string, Change>()
  /** Enrollments by token. */
  readonly #spent = new Map<string, number>()
  readonly #revoked = new Set<string>()
  /** As a client was told. */
  readonly #spentTokens = new Set<string>()
  readonly #revokedTokens = new Set<string>()
  readonly #tokens = new Map<string, number>()
  #certificates: Acknowledged[] = []
  /** Of the oracle, bytes. */
  #read = 0
  readonly #tally: Tally | undefined
  #wrong: Error[] = []

  constructor(data: string, fleet: string, load: Load, chance: Seeded, tally?: Tally) {
    this.#data = data
    this.#fleet = fleet
    this.#load = load
    this.#chance = chance
    this.#tally = tally
  }

  async check(): Promise<void> {
    await this.checkStored()
    await this.#load.checkOrder()
    await this.#load.checkRevoked()
    const good = this.#certificates.filter(({ identity }) => !this.#revoked.has(pathOf(identity)))
    for (let i = 0; i < Math.min(3, good.length); i++) {
      await this.#load.checkRetry(i === 0 ? good.at(-1)! : this.#chance.of(good))
    }
  }

  /**
   * Without asking the platform anything.
   * @param until what the oracle had at a moment: nothing that came later need be there
   */
  async checkStored(until = this.#load.oracle.size): Promise<void> {
    const told = this.#load.oracle.between(this.#read, until)
    this.#read = until
    const certificates = told.filter(each => each.told === 'certificate')
    await withDatabase(this.#data, async database => {
      this.#database = database
      await this.#follow()
      // All of them, also where one is not: how much is lost is said, and not only that something is.
      for (const each of told) {
        const losses = each.told === 'certificate' ? (['lost', 'unrecorded'] as const) : (['lost'] as const)
        this.#collect(losses, () => this.#isStored(each))
      }
      await this.#checkTables()
      if (this.#wrong.length > 0) throw new AggregateError(this.#wrong, this.#wrong.map(String).join('\n'))
      await this.#checkReceipts(certificates)
    })
    this.#certificates.push(...certificates.filter(({ kind }) => kind === 'enrolled'))
  }

  /** Everything from the beginning: the audit, and each certificate that was ever handed out. */
  async checkAll(): Promise<void> {
    await this.check()
    expect(await auditData(this.#data)).toMatchObject({ ok: true })
    const entries = await ledgerOf(this.#data, this.#fleet)
    for (const each of this.#load.oracle.all()) {
      if (each.told === 'certificate') isRecorded(entries[each.receipt.index], each)
    }
  }

  /** Reads what the ledger has grown by: its head contains the one that was seen before, and no key or serial is new twice. */
  async #follow(): Promise<void> {
    const before = this.#head
    const head = await this.#readHead()
    if (before) await this.#isOneHistory(before, head)
    this.#head = head
    const entries = await readLedger(this.#database, this.#fleet, before?.size ?? 0)
    expect((before?.size ?? 0) + entries.length).toBe(head.size)
    for (const entry of entries) {
      if (isOfKind(entry, 'identity.enrolled')) {
        const { spki, identity, token } = entry.body
        const key = base64(spki)
        expect(this.#keys.get(key), `a second identity for the key of ${identity}`).toBeUndefined()
        this.#keys.set(key, identity)
        this.#spent.set(token!, (this.#spent.get(token!) ?? 0) + 1)
      }
      if (isOfKind(entry, 'identity.enrolled') || isOfKind(entry, 'identity.renewed')) {
        expect(this.#serials.has(entry.body.serial), `serial ${entry.body.serial} twice`).toBe(false)
        this.#serials.set(entry.body.serial, entry)
      }
      if (isOfKind(entry, 'identity.revoked')) this.#revoked.add(entry.body.identity)
      if (isOfKind(entry, 'token.revoked')) this.#revokedTokens.add(entry.body.token)
      if (isOfKind(entry, 'token.created')) this.#tokens.set(entry.body.token, entry.body.uses)
    }
  }

  #collect(losses: readonly Loss[], check: () => void): void {
    try {
      check()
    } catch (error) {
      for (const loss of losses) this.#tally?.found(loss)
      this.#wrong.push(error as Error)
    }
  }

  #isStored(told: Told): void {
    if (told.told === 'certificate') isRecorded(this.#serials.get(told.serial), told)
    else if (told.told === 'token') expect(this.#tokens.get(told.token), `token ${told.token}`).toBe(told.uses)
    else if (told.told === 'token spent') this.#spentTokens.add(told.token)
    else if (told.told === 'token revoked') expect(this.#revokedTokens, 'revoked tokens').toContain(told.token)
    else expect(this.#revoked, 'revoked devices').toContain(pathOf(told.identity))
  }

  /** No budget is overspent, the tables say what the ledger says, and whoever was told that a token is spent was told the truth. */
  async #checkTables(): Promise<void> {
    for (const { id, uses, uses_left } of await this.#rows('select id, uses, uses_left from permit')) {
      const spent = this.#spent.get(String(id)) ?? 0
      this.#collect(['overspent'], () => expect(spent, `token ${id}`).toBeLessThanOrEqual(Number(uses)))
      expect(uses_left, `uses of token ${id}`).toBe(Number(uses) - spent)
      if (this.#spentTokens.has(String(id))) expect(uses_left).toBe(0)
    }
    const sql = `select identity from registry where fleet = '${this.#fleet}' and standing = 'revoked' order by identity`
    const revoked = (await this.#rows(sql)).map(({ identity }) => identity)
    expect(revoked).toEqual([...this.#revoked].toSorted())
  }

  /** Each receipt proves under its own checkpoint, and each checkpoint is a beginning of the present tree. */
  async #checkReceipts(certificates: readonly Acknowledged[]): Promise<void> {
    const by = await this.#signer()
    const seen = new Set<string>()
    for (const { receipt } of certificates) {
      const checkpoint = await readCheckpoint(receipt.checkpoint, by)
      const { size, root } = checkpoint
      const [entry, proof] = [readBase64(receipt.entry), receipt.proof.map(readBase64)]
      checkInclusion({ leafHash: leafHash(entry), index: receipt.index, size, proof, root })
      if (seen.has(receipt.checkpoint)) continue
      seen.add(receipt.checkpoint)
      await this.#isOneHistory(checkpoint, this.#head!)
    }
  }

  async #isOneHistory(before: Head, after: Head): Promise<void> {
    const hashes = async (level: number, from: number, count: number): Promise<Uint8Array[]> => {
      const where = `ledger = '${this.#fleet}' and idx >= ${from} and idx < ${from + count}`
      const sql =
        level === 0
          ? `select leaf as hash from ledger_entry where ${where} order by idx`
          : `select hash from ledger_tile where ${where} and level = ${level} order by idx`
      return (await this.#rows(sql)).map(({ hash }) => hash as Uint8Array)
    }
    const proof = await proveConsistency(before.size, after.size, hashes, nodeSha256)
    checkConsistency({ from: before.size, fromRoot: before.root, to: after.size, toRoot: after.root, proof })
  }

  #rows(sql: string): Promise<Row[]> {
    return readRows(this.#database, sql)
  }

  async #readHead(): Promise<Head> {
    const sql = `select checkpoint from ledger_head where ledger = '${this.#fleet}'`
    const [row] = await this.#rows(sql)
    return readCheckpoint(String(row!.checkpoint), await this.#signer())
  }

  async #signer() {
    const sql = `select ledger_key from fleet where name = '${this.#fleet}'`
    const [row] = await this.#rows(sql)
    const publicKey = admitRaw('Ed25519', Uint8Array.from(row!.ledger_key as Uint8Array))
    return { origin: `${this.#fleet}.${domain}/ledger`, publicKey, verify: nodeVerify }
  }
}

function isRecorded(entry: Change | undefined, told: Acknowledged): void {
  expect(entry?.kind, `the record of ${told.identity}, ${told.serial}`).toBe(`identity.${told.kind}`)
  const { body, bytes } = entry as Change<'identity.enrolled' | 'identity.renewed'>
  expect([body.serial, base64(body.certificate)]).toEqual([
    told.serial,
    base64(readPem('CERTIFICATE', told.certificate)),
  ])
  if ('spki' in body) expect([base64(body.spki), body.token]).toEqual([told.spki, told.token])
  expect(base64(bytes)).toBe(told.receipt.entry)
}

/** `acme/device/device-104`, from the SPIFFE ID. */
const pathOf = (identity: string): string => identity.replace(/^spiffe:\/\/([^.]+)\.[^/]+\//, '$1/')
