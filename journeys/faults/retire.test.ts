import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Change } from '@mintmark/core/rules'
import { enroll, homeState, retire, whoami } from '@mintmark/device'
import { openKeyFile } from '@mintmark/elements'
import { startTestPlatform, type TestPlatform } from '@mintmark/testing'
import { Seeded } from '@mintmark/testing/faults'
import { afterAll, beforeAll, expect, test } from 'vitest'

// A device that wipes itself loses its process, or its power, at each call that changes a file of its home: whatever is
// left, it is either as it was before, or on its way to the end and finishes when it is run again.

const preload = join(import.meta.dirname, '../../packages/testing/src/faults/files.ts')
const now = () => Date.now()

let platform: TestPlatform
let directory: string
let devices = 0

beforeAll(async () => {
  platform = await startTestPlatform()
  await platform.makeFleet('acme')
  directory = mkdtempSync(join(tmpdir(), 'mintmark-retire-'))
})
afterAll(async () => {
  rmSync(directory, { recursive: true, force: true })
  await platform.stop()
})

/** A home whose identity is decommissioned, and knows nothing of it. */
async function makeHome(): Promise<{ home: string; name: string }> {
  const name = `device-${++devices}`
  const home = join(directory, name)
  const { text: token } = await platform.makeToken('acme')
  await enroll({ token, name, home, now })
  await platform.decommission({ path: `acme/device/${name}` })
  return { home, name }
}

type How = 'kill' | 'lost' | 'torn'

const program = `
import { retire } from '@mintmark/device'
await retire({ home: process.argv[1], now: Date.now })
`

/** Retires a home in a process of its own, which ends at one of its calls. */
async function retireUntil(home: string, at: number | 'end', how: How) {
  const count = join(directory, `${devices}.count`)
  const env = { ...process.env, FAULT_HOME: home, FAULT_AT: String(at), FAULT_HOW: how, FAULT_COUNT: count }
  const args = ['--import', preload, '--input-type=module', '--eval', program, home]
  const child = spawn(process.execPath, args, { cwd: import.meta.dirname, env, stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr!.on('data', chunk => {
    said += chunk
  })
  const [code, signal] = await once(child, 'close')
  return { code, signal, said, calls: existsSync(count) ? Number(readFileSync(count, 'utf8')) : undefined }
}

const left = ['anchor.pem', 'charter.cbor', 'home.json', 'receipt.json', 'retired.json']
const torn = /^\.retired\.json\..*\.tmp$/
const filesOf = (home: string): string[] => readdirSync(home).filter(each => !torn.test(each))

const isWiped = (home: string): boolean => {
  const key = join(home, 'key.pem')
  return !existsSync(key) || readFileSync(key).every(byte => byte === 0)
}

const wipedFacts = async (name: string): Promise<number> =>
  (await platform.facts('acme'))
    .filter(({ kind }) => kind === 'identity.wiped')
    .filter(fact => (fact as Change<'identity.wiped'>).body.identity === `acme/device/${name}`).length

test('an end that is reached stays so when the power goes', async () => {
  const { home, name } = await makeHome()
  expect(await retireUntil(home, 'end', 'lost')).toMatchObject({ code: 0, said: '' })
  expect(filesOf(home).toSorted()).toEqual(left)
  expect(JSON.parse(readFileSync(join(home, 'retired.json'), 'utf8')).confirmed).toEqual(expect.any(String))
  expect(await wipedFacts(name)).toBe(1)
})

test.each(['kill', 'lost', 'torn'] as const)(
  'a device whose end is cut short anywhere (%s) finishes it',
  { timeout: 600_000 },
  async how => {
    const whole = await makeHome()
    const { calls, code, said } = await retireUntil(whole.home, 0, how)
    expect([code, said]).toEqual([0, ''])
    expect(calls).toBeGreaterThan(12)
    const all = Array.from({ length: calls! }, (_, i) => i + 1)
    // Each is a process and a device, so of what a power cut loses too there is a part, the same each time.
    const seeded = new Seeded(calls!)
    const isWhole = how === 'kill' || process.env.TORTURE === 'true'
    const seen = new Set<string>()
    for (const at of isWhole ? all : all.filter(() => seeded.below(3) === 0)) {
      const { home, name } = await makeHome()
      const ended = await retireUntil(home, at, how)
      expect([at, ended.signal, ended.said]).toEqual([at, 'SIGKILL', ''])
      const state = homeState(home)
      seen.add(state)
      if (state === 'retired') {
        // It is over already: nothing in it answers to the old name any more.
        await expect(whoami({ home, now })).rejects.toMatchObject({ code: 'home-retired' })
      } else {
        // It is whole: the key is there, and still proves who it is.
        openKeyFile(join(home, 'key.pem'))
        await expect(whoami({ home, now })).rejects.toMatchObject({ code: 'decommissioned' })
      }
      // Never a key that was wiped without a word of why.
      if (isWiped(home)) JSON.parse(readFileSync(join(home, 'retired.json'), 'utf8'))

      expect((await retire({ home, now })).confirmed, `${at}`).not.toBe(null)
      expect(filesOf(home).toSorted(), `${at}`).toEqual(left)
      const { body } = await platform.operator('GET', `/v1/fleets/acme/devices/${name}`)
      // One word, however often it was cut short.
      expect([at, body.wiped === null, await wipedFacts(name)]).toEqual([at, false, 1])
    }
    // On both sides of the line, so there is something that this has shown.
    expect([...seen].toSorted()).toEqual(['enrolled', 'retired'])
  },
)

test('two that end one home at once both see it ended', async () => {
  const { home, name } = await makeHome()
  const [first, second] = await Promise.all([
    retireUntil(home, 0, 'kill'),
    retireUntil(home, 0, 'kill'),
    retire({ home, now }),
  ])
  expect([first.code, second.code]).toEqual([0, 0])
  expect(filesOf(home)).not.toContain('key.pem')
  expect(await wipedFacts(name)).toBe(1)
})
