import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Change } from '@mintmark/core/rules'
import { enroll, homeState, retire, whoami } from '@mintmark/device'
import { openKeyFile } from '@mintmark/elements'
import { startTestPlatform, type TestPlatform } from '@mintmark/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'

// A device that wipes itself is killed at each of its writes: whatever is left, it is either as it was before, or on its
// way to the end and finishes when it is run again.

const root = join(import.meta.dirname, '../..')
const preload = join(root, 'packages/testing/src/faults/kill-at.ts')
const now = () => Date.now()

let platform: TestPlatform
let directory: string

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
async function makeHome(name: string): Promise<string> {
  const home = join(directory, name)
  const { text } = await platform.makeToken('acme')
  await enroll({ token: text, name, home, now })
  await platform.decommission({ path: `acme/device/${name}` })
  return home
}

interface Ended {
  readonly code: number | null
  readonly signal: string | null
}

const program = `
import { retire } from '@mintmark/device'
await retire({ home: process.argv[1], now: Date.now })
`

/** Retires a home in a process of its own, which is killed in place of its n-th write. */
function retireApart(home: string, killAt: number): Promise<Ended> {
  const env = { ...process.env, MINTMARK_KILL_AT: String(killAt) }
  const args = ['--import', preload, '--input-type=module', '--eval', program, home]
  return new Promise(resolve => {
    const child = execFile(process.execPath, args, { cwd: import.meta.dirname, env }, () =>
      resolve({ code: child.exitCode, signal: child.signalCode }),
    )
  })
}

const isWiped = (home: string): boolean => {
  const key = join(home, 'key.pem')
  return !existsSync(key) || readFileSync(key).every(byte => byte === 0)
}

test('a device that is killed at any write of its end finishes it', { timeout: 180_000 }, async () => {
  const seen = { before: 0, onItsWay: 0 }
  let at = 1
  for (; ; at++) {
    const name = `killed-${at}`
    const home = await makeHome(name)
    const { code, signal } = await retireApart(home, at)
    if (signal === null) {
      expect(code).toBe(0)
      break
    }
    expect(signal).toBe('SIGKILL')
    if (homeState(home) === 'retired') {
      seen.onItsWay++
      // It is over already: nothing in it answers to the old name any more.
      await expect(whoami({ home, now })).rejects.toMatchObject({ code: 'home-retired' })
    } else {
      seen.before++
      // It is whole: the key is there, and still proves who it is.
      openKeyFile(join(home, 'key.pem'))
      await expect(whoami({ home, now })).rejects.toMatchObject({ code: 'decommissioned' })
    }
    // Never a key that was wiped without a word of why.
    if (isWiped(home)) JSON.parse(readFileSync(join(home, 'retired.json'), 'utf8'))

    expect((await retire({ home, now })).confirmed).not.toBeNull()
    const left = readdirSync(home).filter(each => !each.startsWith('.retired.json.'))
    expect(left.sort()).toEqual(['anchor.pem', 'charter.cbor', 'home.json', 'receipt.json', 'retired.json'])
    const { body } = await platform.operator('GET', `/v1/fleets/acme/devices/${name}`)
    expect(body.wiped).not.toBeNull()
  }
  // It was killed on both sides of the line, so there is something that this has shown.
  expect(seen.before).toBeGreaterThan(2)
  expect(seen.onItsWay).toBeGreaterThan(4)
  // One word each, however often it was cut short.
  const facts = (await platform.facts('acme')).filter(({ kind }) => kind === 'identity.wiped')
  const identities = facts.map(fact => (fact as Change<'identity.wiped'>).body.identity)
  expect(identities.length).toBe(at)
  expect(new Set(identities).size).toBe(at)
})

test('two that end one home at once both see it ended', async () => {
  const home = await makeHome('twice')
  const [first, second] = await Promise.all([retireApart(home, 0), retireApart(home, 0), retire({ home, now })])
  expect([first.code, second.code]).toEqual([0, 0])
  await retire({ home, now })
  expect(readdirSync(home)).not.toContain('key.pem')
  const facts = (await platform.facts('acme')).filter(({ kind }) => kind === 'identity.wiped')
  expect(facts.filter(fact => (fact as Change<'identity.wiped'>).body.identity.endsWith('/twice'))).toHaveLength(1)
})
