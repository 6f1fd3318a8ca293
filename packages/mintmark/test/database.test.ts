import { type PostgresServer, startPostgres } from '@mintmark/testing'
import { freePort, Operator, PlatformProcess } from '@mintmark/testing/faults'
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest'
import { need } from '../../../scripts/services.ts'
import { fresh } from '../../device/test/listening.ts'
import { ran } from './operated.ts'

const missing = need('postgres')
let server: PostgresServer

beforeAll(async () => {
  if (missing === undefined) server = await startPostgres()
})
afterAll(() => server?.remove())
beforeEach(({ skip }) => skip(missing !== undefined, missing))

test('a platform runs on PostgreSQL, and what looks at its directory finds the database there', async () => {
  const data = fresh('data')
  const database = await server.makeDatabase()
  const platform = await PlatformProcess.start({ data, port: await freePort(), database })
  onTestFinished(() => platform.kill())
  const operator = new Operator(data)
  expect(await operator.createFleet('acme')).toBe('active')
  operator.close()
  expect(await ran('ceremony', 'status', '--data', data)).toMatchObject({ code: 0 })
  const { code, out } = await ran('audit', 'verify', '--data', data, '--json')
  expect(code).toBe(0)
  expect(JSON.parse(out)).toMatchObject({ ok: true, ledgers: [{ ledger: 'platform' }, { ledger: 'acme' }] })
  expect(await platform.stop()).toBe(0)

  await server.sql("update fleet set state = 'pending'", new URL(database).pathname.slice(1))
  expect(await ran('audit', 'verify', '--data', data)).toMatchObject({
    code: 1,
    out: expect.stringContaining('table fleet, row acme: state is not what the ledger says'),
  })
})

test('a database that cannot be reached ends with 3, and says what may be wrong', async () => {
  const data = fresh('data')
  for (const url of [
    'postgres://mintmark@127.0.0.1:1/mintmark',
    server.url('nothing'),
    server.url('postgres', 'nobody'),
  ]) {
    const { code, err } = await ran('up', '--data', data, '--port', '0', '--console-port', '0', '--database', url)
    expect([url, code]).toEqual([url, 3])
    expect(err).toMatch(/^mintmark: database-unreachable: The database cannot be reached \(.+\)\.\nhint: is PostgreSQL/)
  }
})

test('a database that is none of PostgreSQL is refused', async () => {
  const args = ['up', '--data', fresh('data'), '--port', '0', '--console-port', '0']
  const { code, err } = await ran(...args, '--database', 'sqlite:///tmp/x')
  expect(code).toBe(1)
  expect(err).toMatch(/^mintmark: bad-database: .*\nhint: say postgres:/)
})
