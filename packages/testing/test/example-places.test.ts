import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Agent } from '@mintmark/agent'
import { HttpTransport } from '@mintmark/agent/transport'
import { chromium } from 'playwright-core'
import { rolldown } from 'rolldown'
import { afterEach, describe, expect, onTestFinished, test } from 'vitest'
import { need } from '../../../scripts/services.ts'
import { chromiumArgs } from '../src/chromium.ts'
import { runtimes } from '../src/runtimes.ts'
import { listening } from '../src/workerd.ts'
import { root } from './pages.ts'

// Examples that run in their place: a page in a browser, a Worker in workerd.

const children: ChildProcess[] = []
afterEach(async () => {
  for (const child of children.splice(0)) {
    child.kill('SIGKILL')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  }
})

function start(command: string, args: readonly string[], options: SpawnOptions = {}): ChildProcess {
  const child = spawn(command, args, { cwd: root, stdio: ['pipe', 'pipe', 'inherit'], ...options })
  children.push(child)
  return child
}

const files = ['browser/index.html', 'browser/page.ts', 'browser/server.ts', 'worker/worker.ts']
test.each(files)('examples/%s has less than 60 lines', file => {
  expect(readFileSync(join(root, 'examples', file), 'utf8').split('\n').length).toBeLessThan(61)
})

const withoutChromium = need('chromium')
describe.skipIf(withoutChromium)(`a page${withoutChromium ? ` (skipped: ${withoutChromium})` : ''}`, () => {
  test('signs notes by a key of the browser, and the service takes those of whom it knows', async () => {
    const server = start(process.execPath, [join(root, 'examples/browser/server.ts'), '0'])
    const lines = createInterface(server.stdout!)[Symbol.asyncIterator]()
    const line = async (): Promise<string> => (await lines.next()).value as string
    const url = await line()
    const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: chromiumArgs })
    onTestFinished(() => browser.close())
    const page = await browser.newPage({ viewport: { width: 800, height: 500 } })
    const problems: string[] = []
    page.on('pageerror', error => problems.push(error.message))
    await page.goto(url)
    await page.locator('#did', { hasText: 'did:key:' }).waitFor()
    const did = (await page.textContent('#did'))!
    const send = async (text: string): Promise<string | null> => {
      await page.fill('#note', text)
      await page.click('button')
      await page.locator('#outcome', { hasText: /^(?!on its way$)./ }).waitFor()
      return page.textContent('#outcome')
    }

    expect(await send('who am I')).toBe('refused')
    expect(await line()).toBe('refused: sender-unknown')
    server.stdin!.write(`${did}\n`)
    expect(await line()).toBe(`${did} may send`)
    expect(await send('the door was open')).toBe('received')
    const said: string[] = []
    do said.push(await line())
    while (said.at(-1) === 'refused: message-fresh')
    expect(said.at(-1)).toBe(`${did}: the door was open`)

    await page.reload()
    await page.locator('#did', { hasText: 'did:key:' }).waitFor()
    expect(await page.textContent('#did'), 'the key is kept').toBe(did)
    expect(await send('and is closed again')).toBe('received')
    expect(await line()).toBe(`${did}: and is closed again`)

    expect(problems).toEqual([])
  })
})

const workerd = runtimes().find(({ name }) => name === 'workerd')!

describe('a Worker', () => {
  test('receives messages once, of whom it knows, for what they may', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'mintmark-worker-'))
    onTestFinished(() => rmSync(directory, { recursive: true }))
    const bundle = await rolldown({ input: join(root, 'examples/worker/worker.ts'), platform: 'neutral' })
    await bundle.write({ file: join(directory, 'worker.mjs'), format: 'esm', codeSplitting: false })
    await bundle.close()
    const device = await Agent.create()
    const config = readFileSync(join(root, 'examples/worker/workerd.capnp'), 'utf8')
    const senders = JSON.stringify(JSON.stringify({ [device.did]: ['telemetry:write'] }))
    const changed = config.replace('json = "{}"', `json = ${senders}`).replace('127.0.0.1:8080', '127.0.0.1:0')
    writeFileSync(join(directory, 'workerd.capnp'), changed)
    const stdio = ['ignore', 'pipe', 'inherit', 'pipe'] as const
    const child = start(workerd.path, ['serve', join(directory, 'workerd.capnp'), '--control-fd=3'], {
      stdio: [...stdio],
    })
    const url = `http://127.0.0.1:${await listening(child.stdio[3] as NonNullable<ChildProcess['stdout']>)}/`

    const to = 'did:web:worker.example.test'
    const transport = new HttpTransport({ url })
    const message = { to, payload: { celsius: 21.5 }, scope: 'telemetry:write' }
    const codeOf = (asked: Promise<unknown>): Promise<unknown> =>
      asked.then(
        () => 'accepted',
        error => error.code,
      )
    const deliver = async (agent: Agent, said: typeof message = message) =>
      codeOf(transport.deliver(await agent.send(said), said.to))

    expect(await (await fetch(url)).json()).toBeNull()
    // The Worker cannot know whether the key is younger than it is.
    const answers: unknown[] = []
    do {
      answers.push(await deliver(device))
      await new Promise(resolve => setTimeout(resolve, 500))
    } while (answers.at(-1) === 'message-fresh')
    expect([...new Set(answers)]).toEqual(['message-fresh', 'accepted'])
    expect(await (await fetch(url)).json()).toEqual({ from: device.did, reading: { celsius: 21.5 } })

    const sent = await device.send(message)
    const codes = await Promise.all(Array.from({ length: 8 }, () => codeOf(transport.deliver(sent, to))))
    expect(codes.toSorted()).toEqual(['accepted', ...Array(7).fill('message-replayed')])
    expect(await deliver(device, { ...message, scope: 'doors:open' })).toBe('scope-refused')
    expect(await deliver(device, { ...message, to: 'did:web:other.example.test' })).toBe('other-audience')
    expect(await deliver(await Agent.create())).toBe('refused')
  })
})
