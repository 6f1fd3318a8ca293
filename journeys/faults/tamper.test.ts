import { createHash } from 'node:crypto'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import { Agent } from '@mintmark/agent'
import { EncryptionKeys } from '@mintmark/agent/seal'
import { base64url } from '@mintmark/core/bytes'
import { append, emptyFrontier, leafHash, root, signCheckpoint, writeFrontier } from '@mintmark/core/ledger'
import { type Change, change, readChange } from '@mintmark/core/rules'
import { readMessage } from '@mintmark/core/signed'
import { provenFetch, readHome } from '@mintmark/device'
import { type AuditReport, auditData, dataFiles } from '@mintmark/server'
import {
  claim,
  connectAnonymously,
  count,
  type Enrolled,
  freePort,
  makeApplicant,
  makeApplicants,
  nameOf,
  Operator,
  PlatformProcess,
} from '@mintmark/testing/faults'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { begin, expectMade, seeded } from './report.ts'

// Whoever can write the database of a platform, and has none of its keys, changes a copy of it in every way below; the
// audit names the place.
//
// What an audit cannot see by itself, because everything in the database then is as it once was, keys included:
// - the whole database put back to an earlier state, or one ledger of it with all that was projected from it;
// - of a fleet, that is to say, also its whole ledger taken out and the fleet set back to pending;
// - a write-ahead log cut off at the end of a transaction, which is the same.
// That takes a witness outside: a checkpoint that a device holds as part of its receipt, or one that an auditor kept. A
// changed past is seen by anyone who has the ledger's key; only a shortened one needs a witness.

const chance = seeded()
const directory = mkdtempSync(join(tmpdir(), 'mintmark-tamper-'))
const original = join(directory, 'original')
let oldHead: Row

type Row = Record<string, SQLInputValue>

beforeAll(async () => {
  const platform = await PlatformProcess.start({ data: original, port: await freePort() })
  const operator = new Operator(original)
  const door = connectAnonymously(original)
  try {
    await operator.createFleet('acme')
    await operator.createFleet('other')
    await operator.createToken('acme', 5, { pattern: 'never-*' })
    const spare = await operator.createToken('other', 5)
    await claim(door, spare, await makeApplicant(), 'elsewhere')
    const token = await operator.createToken('acme', 400)
    const applicants: Enrolled[] = []
    for (const [i, applicant] of (await makeApplicants(270)).entries()) {
      if (i === 100) oldHead = only(original, "select * from ledger_head where ledger = 'acme'")
      applicants.push({ applicant, certificate: await claim(door, token, applicant, `device-${i}`) })
    }
    await operator.setConfiguration('acme', { v: 1 })
    await operator.setConfiguration('acme', { v: 2 })
    await operator.labelDevice('acme', 'device-1', 'site=berlin', 'floor=3')
    await operator.labelDevice('acme', 'device-2', 'site=berlin')
    await operator.revokeDevice('acme', 'device-7')
    await sendMessage(operator, applicants[3]!, applicants[4]!)
    await operator.revokeToken('acme', token)
    // One refusal, which is a fact too.
    await claim(door, token, await makeApplicant()).catch(() => undefined)
  } finally {
    door.close()
    operator.close()
    await platform.stop()
  }
})

const rights = { scopes: ['telemetry:write'], devices: ['sensor-7'] }

/** One to the other, recorded by the platform; the other may be written to sealed. */
async function sendMessage(operator: Operator, from: Enrolled, to: Enrolled): Promise<void> {
  await operator.setScope('acme', nameOf(from.certificate), { ...rights, recipients: ['device-4'] })
  const { url, anchor } = readHome(dataFiles(original).operator)
  const ways = [from, to].map(({ applicant, certificate }) => {
    const identity = { certificate: certificate.certificate, key: Buffer.from(applicant.pkcs8) }
    return provenFetch({ url, anchor, identity, now: Date.now })
  })
  try {
    const receiver = await Agent.create({ key: to.applicant.key, encryption: await EncryptionKeys.open() })
    const statement = base64url(await receiver.announceEncryption())
    const json = { 'content-type': 'application/json' }
    const published = ways[1]!.fetch(`${url}/v1/encryption-key`, {
      method: 'PUT',
      headers: json,
      body: JSON.stringify({ statement }),
    })
    expect((await published).status).toBe(200)
    const sender = await Agent.create({ key: from.applicant.key })
    const message = await sender.send({ to: receiver.did, payload: 'x', scope: 'telemetry:write' })
    const { envelope } = readMessage(message, 1_024)
    const accepted = ways[0]!.fetch(`${url}/v1/messages`, {
      method: 'POST',
      headers: { 'content-type': 'application/mint' },
      body: Uint8Array.from(envelope.bytes),
    })
    expect((await accepted).status).toBe(201)
  } finally {
    for (const way of ways) way.close()
  }
}

afterAll(() => rmSync(directory, { recursive: true, force: true }))

test('passes a copy that nobody touched, and changes none of its files', async () => {
  const data = copy()
  const before = digests(data)
  expect(await auditData(data)).toMatchObject({
    ok: true,
    ledgers: [{ ledger: 'platform' }, { ledger: 'acme' }, { ledger: 'other' }],
  })
  expect(digests(data)).toMatchObject(before)
})

test('passes what a killed platform left, and leaves its write-ahead log as it is', async () => {
  const data = copy()
  const platform = await PlatformProcess.start({ data, port: await freePort() })
  const operator = new Operator(data)
  await operator.setConfiguration('acme', { v: 3 })
  operator.close()
  await platform.kill()
  const before = digests(data)
  expect(before['mintmark.db-wal']).toBeDefined()
  expect(await auditData(data)).toMatchObject({ ok: true })
  expect(digests(data)['mintmark.db']).toBe(before['mintmark.db'])
  expect(digests(data)['mintmark.db-wal']).toBe(before['mintmark.db-wal'])
})

describe('an entry of the ledger', () => {
  test('that was edited is named', async () => {
    await expectFinding(db => db.exec(`update ledger_entry set change = zeroblob(100) where ${acme(17)}`), {
      where: 'ledger acme, entry 17',
    })
  })

  test('that was edited, and its hash with it, is named', async () => {
    await expectFinding(
      db => {
        const edited = forged(db, 17)
        set(db, 17, { change: edited.bytes, leaf: leafHash(edited.bytes) })
      },
      { where: /^ledger acme, entry (17|0)$/ },
    )
  })

  test('in the last, not yet full tile that was edited, and its hash with it, is narrowed down', async () => {
    await expectFinding(
      db => {
        const edited = forged(db, 271)
        set(db, 271, { change: edited.bytes, leaf: leafHash(edited.bytes) })
      },
      { where: 'ledger acme, entry 256' },
    )
  })

  test('that was edited is found when every hash was computed again but nothing signed', async () => {
    await expectFinding(
      db => {
        set(db, 17, { change: forged(db, 17).bytes })
        rehash(db, 'acme')
      },
      { where: /^ledger acme, entry/ },
    )
  })

  test('that was edited is found when everything was computed again and signed with another key', async () => {
    await expectFinding(
      async db => {
        set(db, 17, { change: forged(db, 17).bytes })
        const { size, hash } = rehash(db, 'acme')
        const { key } = await makeApplicant()
        const checkpoint = await signCheckpoint(key, 'acme.example.test/ledger', size, hash)
        db.prepare("update ledger_head set checkpoint = ? where ledger = 'acme'").run(checkpoint)
        db.prepare("update fleet set ledger_key = ? where name = 'acme'").run(key.publicKey.raw)
      },
      { where: /^ledger acme, entry/ },
    )
  })

  test('that is gone is named', async () => {
    await expectFinding(db => db.exec(`delete from ledger_entry where ${acme(17)}`), {
      where: 'ledger acme, entry 17',
      why: 'the entry is missing',
    })
  })

  test('that is gone, and the rest moved up and hashed again, is found', async () => {
    await expectFinding(
      db => {
        db.exec(`delete from ledger_entry where ${acme(17)}`)
        db.exec("update ledger_entry set idx = -idx where ledger = 'acme' and idx > 17")
        db.exec("update ledger_entry set idx = -idx - 1 where ledger = 'acme' and idx < 0")
        rehash(db, 'acme')
      },
      { where: /^ledger acme, entry/ },
    )
  })

  test('that changed places with another is named', async () => {
    await expectFinding(
      db => {
        db.exec(`update ledger_entry set idx = -1 where ${acme(17)}`)
        db.exec(`update ledger_entry set idx = 17 where ${acme(18)}`)
        db.exec("update ledger_entry set idx = 18 where ledger = 'acme' and idx = -1")
      },
      { where: /^ledger acme, entry (0|17)$/ },
    )
  })

  test('that was put in between, and the rest moved down and hashed again, is found', async () => {
    await expectFinding(
      db => {
        db.exec("update ledger_entry set idx = -idx - 1 where ledger = 'acme' and idx > 17")
        db.exec("update ledger_entry set idx = -idx where ledger = 'acme' and idx < 0")
        insert(db, 'ledger_entry', { ...entryRow(db, 17), idx: 18 })
        rehash(db, 'acme')
      },
      { where: /^ledger acme, entry/ },
    )
  })

  test.each([-1, 'next', 10_000] as const)('that was put where none belongs (%s) is named', async place => {
    await expectFinding(
      db => {
        const idx = place === 'next' ? sizeOf(db) : place
        insert(db, 'ledger_entry', { ...entryRow(db, 17), idx })
      },
      { where: /^ledger acme, entry (-1|\d+)$/ },
    )
  })

  test('of a ledger that nobody made is named', async () => {
    await expectFinding(db => insert(db, 'ledger_entry', { ...entryRow(db, 17), ledger: 'ghost', idx: 0 }), {
      where: 'ledger ghost, entry 0',
    })
  })
})

describe('the head of a ledger', () => {
  test('is missed', async () => {
    await expectFinding(db => db.exec("delete from ledger_head where ledger = 'acme'"), {
      where: /^ledger acme, entry/,
    })
  })

  test('tells of a tail that was cut off', async () => {
    await expectFinding(db => db.exec(`delete from ledger_entry where ledger = 'acme' and idx >= ${sizeOf(db) - 3}`), {
      where: `ledger acme, entry ${(await size()) - 3}`,
    })
  })

  test('tells of a tail that was cut off and everything hashed again', async () => {
    await expectFinding(
      db => {
        db.exec(`delete from ledger_entry where ledger = 'acme' and idx >= ${sizeOf(db) - 3}`)
        rehash(db, 'acme')
      },
      { where: `ledger acme, entry ${(await size()) - 3}` },
    )
  })

  test('that was once true is not taken for the present one', async () => {
    await expectFinding(
      db => db.prepare("update ledger_head set checkpoint = ? where ledger = 'acme'").run(oldHead.checkpoint!),
      { where: /^ledger acme, entry/ },
    )
    await expectFinding(
      db =>
        db
          .prepare("update ledger_head set size = ?, frontier = ?, checkpoint = ? where ledger = 'acme'")
          .run(oldHead.size!, oldHead.frontier!, oldHead.checkpoint!),
      { where: /^ledger acme, entry/ },
    )
  })

  test('that was once true does not hide that what followed was cut off', async () => {
    await expectFinding(
      db => {
        db.prepare("delete from ledger_entry where ledger = 'acme' and idx >= ?").run(oldHead.size!)
        db.exec("delete from ledger_tile where ledger = 'acme'")
        db.prepare("update ledger_head set size = ?, frontier = ?, checkpoint = ? where ledger = 'acme'").run(
          oldHead.size!,
          oldHead.frontier!,
          oldHead.checkpoint!,
        )
      },
      { where: /^table (permit|registry), row/ },
    )
  })

  test('of another fleet is not taken', async () => {
    await expectFinding(
      db =>
        db.exec(
          "update ledger_head set checkpoint = (select checkpoint from ledger_head where ledger = 'other') where ledger = 'acme'",
        ),
      { where: /^ledger acme, entry/ },
    )
  })

  test('of a ledger that nobody made is named', async () => {
    await expectFinding(db => insert(db, 'ledger_head', { ...row(db, 'ledger_head'), ledger: 'ghost' }), {
      where: 'ledger ghost, entry 0',
    })
  })
})

describe('a fleet', () => {
  test('whose whole ledger is gone is named', async () => {
    await expectFinding(
      db => {
        for (const table of ['ledger_entry', 'ledger_head', 'ledger_tile']) {
          db.exec(`delete from ${table} where ledger = 'acme'`)
        }
      },
      { where: /^table (authority|fleet), row/ },
    )
  })

  test('whose ledger key was swapped is named', async () => {
    await expectFinding(
      db =>
        db.exec(
          "update fleet set ledger_key = (select ledger_key from fleet where name = 'other') where name = 'acme'",
        ),
      { where: 'table fleet, row acme', why: 'ledger_key is not what the ledger says' },
    )
  })
})

describe('a row that no fact makes', () => {
  test.each([0, -1, 2])('is found in the table of the one platform (%i)', async id => {
    await expectFinding(db => insert(db, 'platform', { ...row(db, 'platform'), id }), {
      where: `table platform, row ${id}`,
    })
  })

  test.each([
    ['registry', 'identity', { fleet: 'x' }],
    ['permit', 'id', {}],
    ['key', 'id', {}],
    ['certificate', 'serial', {}],
    ['authority', 'key_id', {}],
    ['fleet', 'name', {}],
    ['config', 'fleet', {}],
    ['config_version', 'fleet', {}],
    ['labelled', 'identity', {}],
    ['label', 'label', {}],
    ['label', 'identity', {}],
    ['rights', 'identity', {}],
    ['sealing', 'identity', {}],
    ['message_fleet', 'fleet', {}],
    ['message_sender', 'key', {}],
    ['message_nonce', 'key', {}],
    ['message_nonce', 'nonce', {}],
    ['refusal', 'who', {}],
    ['refusal', 'operation', {}],
  ] as const)('is found in %s, whatever its key', async (table, column, rest) => {
    for (const key of ['', '\0', 'zzz', Buffer.from('zzz')]) {
      await expectFinding(db => insert(db, table, { ...row(db, table), ...rest, [column]: key }), {
        where: new RegExp(`^table ${table}, row`),
      })
    }
  })

  test('is missed among configurations, those of old versions too', async () => {
    for (const { digest } of all(original, 'select digest from config_content')) {
      await expectFinding(db => db.prepare('delete from config_content where digest = ?').run(digest!), {
        where: `table config_content, row ${Buffer.from(digest as Uint8Array).toString('hex')}`,
        why: 'the row is missing',
      })
    }
  })

  test('is found among tiles and configurations', async () => {
    await expectFinding(db => insert(db, 'ledger_tile', { ...row(db, 'ledger_tile'), idx: 1 }), {
      where: 'ledger acme, entry 256',
    })
    await expectFinding(db => insert(db, 'ledger_tile', { ...row(db, 'ledger_tile'), level: 2 }), {
      where: 'ledger acme, entry 0',
    })
    await expectFinding(db => insert(db, 'ledger_tile', { ...row(db, 'ledger_tile'), ledger: 'ghost' }), {
      where: 'ledger ghost, entry 0',
    })
    const content = '{"v":9}'
    const digest = createHash('sha256').update(content).digest()
    await expectFinding(db => insert(db, 'config_content', { digest, content }), {
      where: `table config_content, row ${digest.toString('hex')}`,
    })
  })
})

describe('a database that does more than hold rows', () => {
  test.each([
    "create trigger quiet after update on registry begin update registry set standing = 'good'; end",
    'create table extra (a integer)',
    'create view seen as select * from registry',
    'drop index certificate_of_identity',
    'alter table registry add column extra integer',
  ])('is named: %s', async sql => {
    await expectFinding(db => db.exec(sql), { where: /^database, / })
  })
})

const tables = [
  'ledger_entry',
  'ledger_head',
  'ledger_tile',
  'platform',
  'authority',
  'fleet',
  'operator',
  'permit',
  'registry',
  'key',
  'certificate',
  'config',
  'config_version',
  'config_content',
  'labelled',
  'label',
  'rights',
  'sealing',
  'message_fleet',
  'message_sender',
  'message_nonce',
  'refusal',
]

/**
 * By which the processes of one platform know of each other. No audit reads them: keys are wrapped under a secret that
 * is not in the database, and the rest does not outlive the processes.
 */
const passing = ['keeper_key', 'process', 'news', 'news_head']

test('every table of the database is attacked below', () => {
  const names = all(original, "select name from sqlite_schema where type = 'table' order by name").map(
    ({ name }) => name,
  )
  expect(names).toEqual([...tables, ...passing].toSorted())
})

test.each(tables)('one flipped bit in any column of %s is found', async table => {
  const columns = all(original, `pragma table_info(${table})`).map(({ name }) => String(name))
  for (const column of columns) {
    // The lowest bit is the smallest change; the sixty-second makes a number that JavaScript does not have.
    for (const bit of numeric(original, table, column) ? [0, 40, 62] : [chance.below(8)]) {
      const data = copy()
      const changed = flip(data, table, column, bit)
      const report = await auditData(data)
      const says = `${table}.${column} of ${changed}, bit ${bit}: ${JSON.stringify(report)}`
      expect(report.ok, says).toBe(false)
      expect(!report.ok && report.where, says).toMatch(/^(ledger \S+, entry -?\d+|table \w+, row .+)$/s)
      if (!table.startsWith('ledger_') && !report.ok) expect(report.where, says).toContain(`table ${table}, row`)
      rmSync(data, { recursive: true })
    }
  }
})

test.each(tables)('a value of another type in any column of %s is found', async table => {
  for (const { name: column, type } of all(original, `pragma table_info(${table})`)) {
    const other = { text: 'cast(? as blob)', blob: 'cast(? as text)' }[String(type)] ?? '? + 0.5'
    const attack = (db: DatabaseSync): void => {
      const [value] = db.prepare(`select ${column} as value from ${table} where ${column} is not null limit 1`).all()
      if (value === undefined) return void db.exec(`update ${table} set ${column} = x'00'`)
      db.prepare(`update ${table} set ${column} = ${other} where ${column} = ?`).run(value.value!, value.value!)
    }
    await expectFinding(attack, { where: /^(ledger \S+, entry \S+|table \w+, row .+)$/ })
  }
})

const flips = count('flipped bits')

test(
  `one flipped bit anywhere in the database file is found, or changes nothing that is stored (${flips})`,
  async () => {
    const tally = begin('flipped bits')
    const whole = dump(original)
    for (let round = 0; round < flips; round++) {
      const data = copy()
      const path = dataFiles(data).database
      const bytes = readFileSync(path)
      const at = chance.below(bytes.length)
      bytes[at]! ^= 1 << chance.below(8)
      writeFileSync(path, bytes)
      const report = await auditData(data)
      const says = `byte ${at} of ${bytes.length}: ${JSON.stringify(report)}`
      if (report.ok) expect(dump(data), says).toBe(whole)
      else expect(report.where, says).toMatch(/^(ledger \S+, entry -?\d+|table \w+, row .+|database, .+)$/s)
      tally.made()
      rmSync(data, { recursive: true })
    }
    expectMade('flipped bits')
  },
  60_000 + flips * 300,
)

test.each([0, 1, 100, 4_096, 20_000, -1, -4_096])('a database file that was cut to %i bytes is found', async length => {
  const data = copy()
  const path = dataFiles(data).database
  truncateSync(path, length < 0 ? readFileSync(path).length + length : length)
  const report = await auditData(data).catch((error: { code?: string }) => error.code)
  expect(report === 'data-missing' || (report as AuditReport).ok === false, JSON.stringify(report)).toBe(true)
})

/** Attacks a copy and audits it. */
async function expectFinding(
  attack: (db: DatabaseSync) => unknown,
  expected: { readonly where: string | RegExp; readonly why?: string },
): Promise<void> {
  const data = copy()
  const db = new DatabaseSync(dataFiles(data).database)
  try {
    await attack(db)
  } finally {
    db.close()
  }
  const report = await auditData(data)
  const { where, why } = expected
  expect(report, JSON.stringify(report)).toMatchObject({
    ok: false,
    where: typeof where === 'string' ? where : expect.stringMatching(where),
    ...(why === undefined ? {} : { why }),
  })
  rmSync(data, { recursive: true })
}

function copy(): string {
  const data = mkdtempSync(join(directory, 'copy-'))
  cpSync(original, data, { recursive: true })
  // Whoever can write the database can remove what stands beside it: the audit finds all this without.
  rmSync(dataFiles(data).lastHead)
  return data
}

/** Leaf hashes, tiles and frontier as the entries now give them: all that takes no key. */
function rehash(db: DatabaseSync, ledger: string): { size: number; hash: Uint8Array } {
  const rows = db.prepare('select idx, change from ledger_entry where ledger = ? order by idx').all(ledger) as Row[]
  const leaves = rows.map(({ change }) => leafHash(change as Uint8Array))
  const write = db.prepare('update ledger_entry set leaf = ? where ledger = ? and idx = ?')
  for (const [i, leaf] of leaves.entries()) write.run(leaf, ledger, rows[i]!.idx!)
  const { tiles, frontier } = append(emptyFrontier, leaves)
  db.prepare('delete from ledger_tile where ledger = ?').run(ledger)
  for (const { level, index, hash } of tiles) insert(db, 'ledger_tile', { ledger, level, idx: index, hash })
  db.prepare('update ledger_head set size = ?, frontier = ? where ledger = ?').run(
    leaves.length,
    writeFrontier(frontier),
    ledger,
  )
  return { size: leaves.length, hash: root(frontier) }
}

/** The fact of an entry of acme, with another hour: it reads well and follows from what is before it. */
function forged(db: DatabaseSync, idx: number): Change {
  const { kind, at, by, ledger, body } = readChange(entryRow(db, idx).change as Uint8Array)
  const edited = change({ kind, at: at + 1, by, ledger, body })
  set(db, idx, { at: at + 1 })
  return edited
}

/** Flips one bit of a random row, another one than makes a key that is taken. @returns which */
function flip(data: string, table: string, column: string, bit: number): string {
  const db = new DatabaseSync(dataFiles(data).database)
  try {
    const keys = db
      .prepare('select name from pragma_table_info(?) where pk > 0')
      .all(table)
      .map(({ name }) => name)
    const value = `cast(${column} as blob) as bytes__, typeof(${column}) as type__, ${column} as value__`
    const found = db.prepare(`select ${keys.join()}, ${value} from ${table} order by value__ is null, random()`).all()
    const where = keys.map(name => `${name} = ?`).join(' and ')
    for (const row of found as Row[]) {
      const { type__: type, bytes__: bytes, value__: number } = row
      const at = keys.map(name => row[name as string]!)
      const changed = Uint8Array.from((bytes as Uint8Array | null) ?? [])
      if (changed.length > 0) changed[chance.below(changed.length)]! ^= 1 << bit
      const to = type === 'integer' ? BigInt(number as number) ^ (1n << BigInt(bit)) : type === 'null' ? 1 : changed
      const as = type === 'text' ? 'cast(? as text)' : '?'
      try {
        db.prepare(`update ${table} set ${column} = ${as} where ${where}`).run(to, ...at)
        return JSON.stringify(at)
      } catch (error) {
        if (!/UNIQUE/.test(String(error))) throw error
      }
    }
    throw new Error(`no bit ${bit} of ${table}.${column} can be flipped`)
  } finally {
    db.close()
  }
}

const numeric = (data: string, table: string, column: string): boolean =>
  all(data, `select typeof(${column}) as type from ${table} where ${column} is not null limit 1`)[0]?.type === 'integer'

const acme = (idx: number): string => `ledger = 'acme' and idx = ${idx}`

const entryRow = (db: DatabaseSync, idx: number): Row =>
  db.prepare(`select * from ledger_entry where ${acme(idx)}`).get() as Row

const row = (db: DatabaseSync, table: string): Row => db.prepare(`select * from ${table} limit 1`).get() as Row

const sizeOf = (db: DatabaseSync): number =>
  Number((db.prepare("select size from ledger_head where ledger = 'acme'").get() as Row).size)

const size = async (): Promise<number> =>
  Number(only(original, "select size from ledger_head where ledger = 'acme'").size)

function set(db: DatabaseSync, idx: number, values: Row): void {
  const columns = Object.keys(values).map(column => `${column} = ?`)
  db.prepare(`update ledger_entry set ${columns.join()} where ${acme(idx)}`).run(...Object.values(values))
}

function insert(db: DatabaseSync, table: string, values: Row): void {
  const columns = Object.keys(values)
  db.prepare(`insert into ${table} (${columns.join()}) values (${columns.map(() => '?').join()})`).run(
    ...Object.values(values),
  )
}

function all(data: string, sql: string): Row[] {
  const db = new DatabaseSync(dataFiles(data).database, { readOnly: true })
  try {
    return db.prepare(sql).all() as Row[]
  } finally {
    db.close()
  }
}

const only = (data: string, sql: string): Row => all(data, sql)[0]!

/** All that is stored, in one text. */
const dump = (data: string): string =>
  JSON.stringify(tables.map(table => all(data, `select * from ${table} order by 1, 2`)))

const digests = (data: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(data, { recursive: true, withFileTypes: true })
      .filter(entry => entry.isFile())
      .map(entry => [
        entry.name,
        createHash('sha256')
          .update(readFileSync(join(entry.parentPath, entry.name)))
          .digest('hex'),
      ]),
  )
