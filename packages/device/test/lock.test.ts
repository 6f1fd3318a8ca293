import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { lockHome } from '../src/lock.ts'
import { fresh } from './listening.ts'

const source = join(import.meta.dirname, '../src/lock.ts')
const inUse = expect.objectContaining({ code: 'home-in-use' })

function makeHome(name = 'home'): string {
  const home = fresh(name)
  mkdirSync(home, { recursive: true })
  return home
}

/** A process that takes the lock, says so, and keeps it. */
function holder(home: string, more = ''): { child: ChildProcess; said: Promise<string>; ended: Promise<unknown> } {
  const script = `
    import { lockHome } from ${JSON.stringify(source)}
    setInterval(() => undefined, 1_000)
    try {
      await lockHome(${JSON.stringify(home)}, 'daemon')
      process.stdout.write('held')
    } catch (error) {
      process.stdout.write(error.code ?? error.message)
      process.exit()
    }
    ${more}`
  const flags = ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', script]
  const child = spawn(process.execPath, flags, { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  return {
    child,
    said: new Promise(resolve => child.stdout!.once('data', chunk => resolve(String(chunk)))),
    ended: new Promise(resolve => child.once('close', resolve)),
  }
}

test('one at a time has it, each purpose by itself, and it is free when it is given back', async () => {
  const home = makeHome()
  const lock = await lockHome(home, 'daemon')
  await expect(lockHome(home, 'daemon')).rejects.toEqual(inUse)
  const other = await lockHome(home, 'renewal')
  other.release()
  lock.release()
  const again = await lockHome(home, 'daemon')
  again.release()
  expect(readdirSync(home)).toEqual([])
})

test('what is given back twice closes nothing of anybody else', async () => {
  const home = makeHome()
  const lock = await lockHome(home, 'daemon')
  lock.release()
  // The lowest numbers that are free are given out first.
  const files = Array.from({ length: 3 }, () => openSync(home, 'r'))
  lock.release()
  for (const file of files) closeSync(file)
})

test('it ends with its process, however that ends', async () => {
  const home = makeHome()
  const { child, said, ended } = holder(home)
  expect(await said).toBe('held')
  await expect(lockHome(home, 'daemon')).rejects.toEqual(inUse)
  child.kill('SIGKILL')
  await ended
  expect(readdirSync(home)).toHaveLength(1)
  const lock = await lockHome(home, 'daemon')
  // What the dead one left is gone.
  expect(readdirSync(home)).toHaveLength(1)
  lock.release()
  expect(readdirSync(home)).toEqual([])
})

test('a process that stands still keeps it', async () => {
  const home = makeHome()
  const { child, said } = holder(home)
  expect(await said).toBe('held')
  child.kill('SIGSTOP')
  await expect(lockHome(home, 'daemon')).rejects.toEqual(inUse)
  child.kill('SIGCONT')
})

test('of many that come at once there are never two', async () => {
  const home = makeHome()
  // What a dead one left is in the way of all of them.
  const dead = holder(home)
  await dead.said
  dead.child.kill('SIGKILL')
  await dead.ended
  const outcomes = await Promise.all(Array.from({ length: 6 }, () => holder(home).said))
  const held = outcomes.filter(each => each === 'held')
  expect(held.length).toBeLessThanOrEqual(1)
  expect(outcomes.filter(each => each !== 'held')).toEqual(Array(6 - held.length).fill('home-in-use'))
})

test('it is taken again and again in one process, by many at once, and never twice', async () => {
  const home = makeHome()
  let holders = 0
  let taken = 0
  const one = async (): Promise<void> => {
    for (let i = 0; i < 10; i++) {
      const lock = await lockHome(home, 'renewal').catch(() => undefined)
      if (lock === undefined) continue
      taken++
      expect(++holders).toBe(1)
      await new Promise(resolve => setTimeout(resolve, 2))
      holders--
      lock.release()
    }
  }
  await Promise.all(Array.from({ length: 5 }, one))
  expect(taken).toBeGreaterThan(0)
  expect(readdirSync(home)).toEqual([])
})

test('a home with a long path has one too', async () => {
  const home = makeHome(join('a'.repeat(100), 'b'.repeat(100), 'home'))
  const lock = await lockHome(home, 'daemon')
  await expect(lockHome(home, 'daemon')).rejects.toEqual(inUse)
  lock.release()
})

test('what else is in the home is left alone', async () => {
  const home = makeHome()
  const names = ['.daemon-0123abcd.bak', '.daemon-xyz', 'daemon-0123abcd', '.other-0123abcd']
  for (const name of names) writeFileSync(join(home, name), '')
  const lock = await lockHome(home, 'daemon')
  lock.release()
  expect(readdirSync(home).toSorted()).toEqual(names.toSorted())
})
