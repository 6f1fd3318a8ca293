import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { FileReadingQueue } from '../../src/node/index.ts'

// Another process has the readings, and is killed; who comes next has them all, and nobody has them beside it.

let top: string
let directory: string
const children: ChildProcess[] = []
beforeEach(() => {
  top = mkdtempSync(join(tmpdir(), 'mintmark-holder-'))
  directory = join(top, 'readings')
})
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  rmSync(top, { recursive: true })
})

/** A process that holds the queue and fills it; what it said is there grows while it runs. */
function hold(first: number) {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'holder.ts'), directory, String(first)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.push(child)
  const said: number[] = []
  const enough = Promise.withResolvers<void>()
  const lines = createInterface({ input: child.stdout })
  lines.on('line', line => {
    said.push(Number(line))
    if (said.length === 20) enough.resolve()
  })
  child.once('close', () => enough.reject(new Error('it ended')))
  const ended = new Promise<void>(resolve => {
    let open = 2
    const done = () => --open === 0 && resolve()
    lines.once('close', done)
    child.once('close', done)
  })
  return {
    said,
    enough: enough.promise,
    async kill(signal: NodeJS.Signals) {
      child.kill(signal)
      await ended
    },
    send: (signal: NodeJS.Signals) => child.kill(signal),
  }
}

function takeAll(queue: FileReadingQueue): number[] {
  const all: number[] = []
  for (let reading = queue.first(); reading; reading = queue.first()) {
    all.push(reading.received)
    queue.removeFirst()
  }
  return all
}

test('nobody opens the readings of a process that is there, and whoever comes after it was killed has them all', async () => {
  let first = 0
  for (let round = 0; round < 4; round++) {
    const holder = hold(first)
    await holder.enough
    await expect(FileReadingQueue.open(directory)).rejects.toThrow('home-in-use')
    await holder.kill('SIGKILL')
    const queue = await FileReadingQueue.open(directory)
    const there = takeAll(queue)
    queue.close()
    // The last one may be on the disk and not have been said.
    expect(there.length - holder.said.length).toBeOneOf([0, 1])
    expect(there).toEqual(Array.from(there, (_, i) => first + i))
    first += there.length
  }
}, 120_000)

test('a process that stands still has its readings still', async () => {
  const holder = hold(0)
  await holder.enough
  holder.send('SIGSTOP')
  await expect(FileReadingQueue.open(directory)).rejects.toThrow('home-in-use')
  await holder.kill('SIGKILL')
  const queue = await FileReadingQueue.open(directory)
  expect(queue.size).toBeGreaterThanOrEqual(holder.said.length)
  queue.close()
}, 120_000)
