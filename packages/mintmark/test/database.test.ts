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

test('the database of a platform is moved to PostgreSQL, and the platform told what it needs to know', async () => {
  const data = fresh('data')
  const platform = await PlatformProcess.start({ data, port: await freePort() })
  onTestFinished(() => platform.kill())
  const database = await server.makeDatabase()
  const args = ['store', 'move', '--data', data, '--to', database]
  expect(await ran(...args)).toMatchObject({ code: 1, err: expect.stringMatching(/^mintmark: data-in-use/) })
  await platform.stop()

  expect(await ran('store', 'move', '--data', data)).toMatchObject({ code: 2 })
  expect(await ran(...args.slice(0, -1), 'postgres://mintmark@127.0.0.1:1/x')).toMatchObject({ code: 3 })
  const { code, out, err } = await ran(...args)
  expect([code, err]).toEqual([0, ''])
  expect(out).toMatch(/^Moved: \d+ rows, and every ledger is whole there\.\n {2}platform: \d+ entries, root /)
  expect(out).toContain(`Next: mintmark up --data ${data}\n`)
  expect(await ran('audit', 'verify', '--data', data)).toMatchObject({ code: 0 })
  expect(await ran(...args)).toMatchObject({
    code: 1,
    err: expect.stringMatching(/^mintmark: database-other: .*\nhint: nothing is left to be done\n$/),
  })
})
