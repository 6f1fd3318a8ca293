import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readBase64, readPemBlocks } from '@mintmark/core/bytes'
import { type Change, readChange } from '@mintmark/core/rules'
import { readCertificate } from '@mintmark/core/signed'
import { enroll, readHome, renew, retire, whoami } from '@mintmark/device'
import { startTestPlatform, type TestPlatform } from '@mintmark/testing'
import { Seeded } from '@mintmark/testing/faults'
import { afterAll, beforeAll, expect, test } from 'vitest'

// A device loses its power, or its process, in the middle of a renewal: at each call that changes a file of its home.
// Then it works, with one key that the platform calls the current one, and renewing goes on.

const root = join(import.meta.dirname, '../..')
const now = Date.now
let platform: TestPlatform
let homes: string

beforeAll(async () => {
  platform = await startTestPlatform()
  await platform.makeFleet('acme')
  homes = mkdtempSync(join(tmpdir(), 'mintmark-homes-'))
})
afterAll(async () => {
  rmSync(homes, { recursive: true, force: true })
  await platform.stop()
})

let devices = 0

async function makeHome(): Promise<{ home: string; name: string }> {
  const name = `device-${++devices}`
  const home = join(homes, name)
  const { text: token } = await platform.makeToken('acme')
  await enroll({ token, name, home, now })
  return { home, name }
}

type How = 'kill' | 'lost' | 'torn'

/** `mintmark renew` in a process of its own that ends at one of its calls. */
async function renewUntil(home: string, args: readonly string[], at: number | 'end', how: How) {
  const [preload, main] = ['packages/testing/src/faults/files.ts', 'packages/mintmark/src/main.ts'].map(each =>
    join(root, each),
  )
  const count = join(homes, 'count')
  rmSync(count, { force: true })
  const env = { ...process.env, FAULT_HOME: home, FAULT_AT: String(at), FAULT_HOW: how, FAULT_COUNT: count }
  const command = [
    '--disable-warning=ExperimentalWarning',
    '--import',
    preload!,
    main!,
    'renew',
    '--home',
    home,
    ...args,
  ]
  const child = spawn(process.execPath, command, { env, stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr!.on('data', chunk => {
    said += chunk
  })
  const [code, signal] = await once(child, 'close')
  const calls = existsSync(count) ? Number(readFileSync(count, 'utf8')) : undefined
  return { code, signal, calls, said }
}

const shown = async (name: string) => (await platform.operator('GET', `/v1/fleets/acme/devices/${name}`)).body

/** What the ledger says of the keys of a name: how many came after the first one, and which of them were seen. */
async function keysOf(name: string) {
  const facts = (await platform.facts('acme')).filter(
    ({ body }) => 'identity' in body && body.identity === `acme/device/${name}`,
  )
  return {
    introduced: facts.filter(({ kind }) => kind === 'key.introduced').length,
    promoted: facts.filter(({ kind }) => kind === 'key.promoted').length,
  }
}

/** Whoever lives here proves it, and has the one key that the platform calls the current one. */
async function works(home: string, name: string): Promise<void> {
  const me = (await whoami({ home, now })) as { did: string; standing: string }
  expect(me.standing).toBe('good')
  expect(me.did).toBe(readHome(home).did)
  expect(me.did).toBe((await shown(name)).did)
  const receipt = JSON.parse(readFileSync(join(home, 'receipt.json'), 'utf8')) as { entry: string }
  const { body } = readChange(readBase64(receipt.entry)) as Change<'identity.enrolled'>
  expect(body.certificate).toEqual(leafOf(home))
}

const leafOf = (home: string): Uint8Array =>
  readPemBlocks('CERTIFICATE', readFileSync(join(home, 'cert.pem'), 'utf8'))[0]!

const files = ['anchor.pem', 'cert.pem', 'charter.cbor', 'home.json', 'key.pem', 'receipt.json']

const cases: readonly (readonly [string, readonly string[]])[] = [
  ['renewal', []],
  ['change of key', ['--new-key']],
]

for (const [what, args] of cases) {
  test(`a ${what} that is done stays so when the power goes`, async () => {
    const { home, name } = await makeHome()
    expect(await renewUntil(home, args, 'end', 'lost')).toMatchObject({ code: 0, said: '' })
    expect(readdirSync(home).toSorted()).toEqual(files)
    await works(home, name)
    expect((await shown(name)).serial).toBe(readCertificate(leafOf(home)).serial)
  })

  test.each(['kill', 'lost', 'torn'] as const)(
    `a ${what} that ends anywhere (%s) leaves a home that works, and goes on`,
    { timeout: 600_000 },
    async how => {
      const whole = await makeHome()
      const { calls, code, said } = await renewUntil(whole.home, args, 0, how)
      expect([code, said]).toEqual([0, ''])
      expect(calls).toBeGreaterThan(15)
      const all = Array.from({ length: calls! }, (_, i) => i + 1)
      // Each is a process and a device, so of what a power cut loses too there is a part, the same each time.
      const seeded = new Seeded(calls!)
      const isWhole = how === 'kill' || process.env.TORTURE === 'true'
      for (const at of isWhole ? all : all.filter(() => seeded.below(4) === 0)) {
        const { home, name } = await makeHome()
        const before = readHome(home).did
        const ended = await renewUntil(home, args, at, how)
        expect([at, ended.signal, ended.said]).toEqual([at, 'SIGKILL', ''])
        await works(home, name)
        const after = await renew({ home, now, newKey: args.length > 0 ? {} : undefined })
        await works(home, name)
        expect(((await whoami({ home, now })) as { serial: string }).serial, `${at}`).toBe(after.serial)
        const keys = await keysOf(name)
        if (args.length === 0) expect([readHome(home).did, keys]).toEqual([before, { introduced: 0, promoted: 0 }])
        else {
          expect(readHome(home).did).not.toBe(before)
          // Once or twice, as the first one was seen before it ended or not; never a key that was given up.
          expect(keys.promoted).toBe(keys.introduced)
        }
        const torn = /^\..*\.tmp$/
        expect(
          readdirSync(home)
            .filter(each => !torn.test(each))
            .toSorted(),
          `${at}`,
        ).toEqual(files)
      }
    },
  )
}

test('a device that is decommissioned in the middle of a change of key wipes both keys', {
  timeout: 600_000,
}, async () => {
  const whole = await makeHome()
  const { calls } = await renewUntil(whole.home, ['--new-key'], 0, 'kill')
  const keysLeft: number[] = []
  const last = [calls! - 2, calls! - 1, calls!]
  for (const at of [...Array.from({ length: calls! - 10 }, (_, i) => 8 + i).filter(step => step % 3 === 2), ...last]) {
    const { home, name } = await makeHome()
    await renewUntil(home, ['--new-key'], at, 'kill')
    keysLeft.push(readdirSync(home).filter(each => /^key\./.test(each)).length)
    const decommission = `/v1/fleets/acme/devices/${name}/decommission`
    expect((await platform.operator('POST', decommission, { reason: 'a test' })).status).toBe(200)
    expect((await retire({ home, now })).confirmed).not.toBe(null)
    const left = readdirSync(home).filter(each => /^(?:\.?key|cert)\./.test(each))
    expect([at, left]).toEqual([at, []])
    expect((await shown(name)).wiped).not.toBe(null)
  }
  expect(new Set(keysLeft)).toEqual(new Set([1, 2]))
})
