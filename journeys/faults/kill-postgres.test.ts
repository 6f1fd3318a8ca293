import { type PostgresServer, startPostgres } from '@mintmark/testing'
import { count } from '@mintmark/testing/faults'
import { afterAll, beforeAll, beforeEach, test } from 'vitest'
import { need } from '../../scripts/services.ts'
import { killHeart, killPlatform } from './kills.ts'
import { expectMade, seeded } from './report.ts'

// As kill.test.ts, where the ledgers are on a PostgreSQL server, which goes on while its platform is killed.

const missing = need('postgres')
const fault = 'kills on postgres'
const kills = count(fault)
const whole = Math.ceil(kills / 20)
const chance = seeded()
let server: PostgresServer

beforeEach(({ skip }) => skip(missing !== undefined, missing))
beforeAll(async () => {
  if (missing === undefined) server = await startPostgres()
})
afterAll(() => server?.remove())

test(
  `loses nothing that it acknowledged and overspends nothing in ${whole} kills under load`,
  async () => killPlatform({ fault, times: whole, chance, database: await server.makeDatabase() }),
  60_000 + whole * 20_000,
)

test(
  `loses nothing that it acknowledged and overspends nothing in ${kills - whole} kills of its heart`,
  async () => killHeart({ fault, times: kills - whole, chance, database: await server.makeDatabase(), of: 3 }),
  60_000 + kills * 5_000,
)

test('was killed as often as is due', () => expectMade(fault))
