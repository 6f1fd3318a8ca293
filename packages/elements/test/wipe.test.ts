import * as fs from 'node:fs'
import { dirname, join } from 'node:path'
import { beforeEach, expect, test, vi } from 'vitest'
import { createKeyFile, openKeyFile, removeFileDurably, wipeKeyFile } from '../src/index.ts'
import { fresh } from './directory.ts'

vi.mock('node:fs', async original => {
  const real = await original<typeof fs>()
  const wrapped = ['fsyncSync', 'rmSync', 'writeSync'] as const
  return { ...real, ...Object.fromEntries(wrapped.map(name => [name, vi.fn(real[name])])) }
})

const failing = (code: string) => () => {
  throw Object.assign(new Error(code), { code })
}
const zeros = (bytes: Uint8Array): boolean => bytes.every(byte => byte === 0)

beforeEach(() => vi.clearAllMocks())

test('a wiped key is gone, and its bytes were overwritten where they were', () => {
  const path = fresh('key.pem')
  createKeyFile(path, 'Ed25519')
  const { size } = fs.statSync(path)
  // Another name of the same file sees what became of its bytes.
  const same = `${path}.same`
  fs.linkSync(path, same)
  wipeKeyFile(path)
  expect(fs.existsSync(path)).toBe(false)
  const left = fs.readFileSync(same)
  expect([left.length, zeros(left)]).toEqual([size, true])
})

test('it is overwritten on the disk before it goes', () => {
  const path = fresh('key.pem')
  createKeyFile(path, 'P-256')
  vi.clearAllMocks()
  wipeKeyFile(path)
  const [overwritten, synced, removed] = [fs.writeSync, fs.fsyncSync, fs.rmSync].map(
    each => vi.mocked(each).mock.invocationCallOrder[0]!,
  )
  expect(overwritten).toBeLessThan(synced!)
  expect(synced).toBeLessThan(removed!)
  // The file, and then the directory without it.
  expect(fs.fsyncSync).toHaveBeenCalledTimes(process.platform === 'win32' ? 1 : 2)
})

test.each([
  ['before it is overwritten', () => vi.mocked(fs.writeSync).mockImplementationOnce(failing('EIO'))],
  ['before that is on the disk', () => vi.mocked(fs.fsyncSync).mockImplementationOnce(failing('EIO'))],
  ['before it is removed', () => vi.mocked(fs.rmSync).mockImplementationOnce(failing('EIO'))],
])('a wipe that is cut short %s is finished by the next', (_, cut) => {
  const path = fresh('key.pem')
  createKeyFile(path, 'Ed25519')
  cut()
  expect(() => wipeKeyFile(path)).toThrow('EIO')
  expect(fs.existsSync(path)).toBe(true)
  wipeKeyFile(path)
  expect(fs.existsSync(path)).toBe(false)
  wipeKeyFile(path)
})

test('copies that a crash left while the key was made go too, and nothing else does', () => {
  const path = fresh('key.pem')
  createKeyFile(path, 'Ed25519')
  const directory = dirname(path)
  const torn = join(directory, '.key.pem.0123456789abcdef.tmp')
  const others = ['.other.pem.0123456789abcdef.tmp', 'key.pem.bak', 'cert.pem'].map(name => join(directory, name))
  for (const each of [torn, ...others]) fs.copyFileSync(path, each)
  const same = `${torn}.same`
  fs.linkSync(torn, same)
  wipeKeyFile(path)
  expect(zeros(fs.readFileSync(same))).toBe(true)
  expect([path, torn, ...others].map(each => fs.existsSync(each))).toEqual([false, false, true, true, true])
  for (const each of others) openKeyFile(each)
})

test('a file is removed once, and durably', () => {
  const path = fresh('file')
  fs.writeFileSync(path, 'x')
  removeFileDurably(path)
  removeFileDurably(path)
  expect(fs.existsSync(path)).toBe(false)
  expect(fs.fsyncSync).toHaveBeenCalledTimes(process.platform === 'win32' ? 0 : 2)
})
