import * as fs from 'node:fs'
import { dirname, join } from 'node:path'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import { removeTornWrites, writeFileDurably } from '../src/index.ts'
import { fresh, withUmask } from './directory.ts'

// Thin wrappers, so that a test can make one system call fail as a full or foreign file system would.
vi.mock('node:fs', async original => {
  const real = await original<typeof fs>()
  const wrapped = ['fsyncSync', 'linkSync', 'renameSync', 'writeFileSync'] as const
  return { ...real, ...Object.fromEntries(wrapped.map(name => [name, vi.fn(real[name])])) }
})

const bytes = (text: string) => new TextEncoder().encode(text)
const read = (path: string) => fs.readFileSync(path, 'utf8')
const failing = (code: string) => () => {
  throw Object.assign(new Error(code), { code })
}

beforeEach(() => vi.clearAllMocks())

describe('writeFileDurably', () => {
  test.each([0o000, 0o022, 0o077, 0o777])('sets the mode exactly under umask %o', mask => {
    for (const mode of [0o600, 0o644, 0o400]) {
      const path = fresh('file')
      withUmask(mask, () => writeFileDurably(path, bytes('one'), { mode, replace: false }))
      expect(fs.statSync(path).mode & 0o777).toBe(mode)
      expect(read(path)).toBe('one')
    }
  })

  test('lets nobody else read the bytes before they have their mode', () => {
    let mode = 0
    vi.mocked(fs.writeFileSync).mockImplementationOnce(file => {
      if (typeof file === 'number') mode = fs.fstatSync(file).mode & 0o777
    })
    withUmask(0, () => writeFileDurably(fresh('file'), bytes('one'), { mode: 0o644, replace: false }))
    expect(mode).toBe(0o600)
  })

  test('replaces only where it may', () => {
    const path = fresh('file')
    writeFileDurably(path, bytes('one'), { mode: 0o600, replace: false })
    expect(() => writeFileDurably(path, bytes('two'), { mode: 0o600, replace: false })).toThrow('EEXIST')
    expect(read(path)).toBe('one')
    writeFileDurably(path, bytes('three'), { mode: 0o644, replace: true })
    expect(read(path)).toBe('three')
    expect(fs.statSync(path).mode & 0o777).toBe(0o644)
    expect(fs.readdirSync(dirname(path))).toEqual(['file'])
  })

  test('does not write through a symbolic link', () => {
    const [target, path] = [fresh('target'), fresh('link')]
    fs.symlinkSync(target, path)
    expect(() => writeFileDurably(path, bytes('one'), { mode: 0o600, replace: false })).toThrow('EEXIST')
    writeFileDurably(path, bytes('one'), { mode: 0o600, replace: true })
    expect(fs.existsSync(target)).toBe(false)
    expect(fs.lstatSync(path).isFile()).toBe(true)
  })

  test('syncs the file before it gets its name, and the directory after', () => {
    for (const replace of [true, false]) {
      vi.clearAllMocks()
      writeFileDurably(fresh('file'), bytes('one'), { mode: 0o600, replace })
      const naming = vi.mocked(replace ? fs.renameSync : fs.linkSync).mock.invocationCallOrder
      const [first, second] = vi.mocked(fs.fsyncSync).mock.invocationCallOrder
      expect(naming).toHaveLength(1)
      expect(first).toBeLessThan(naming[0]!)
      expect(second).toBeGreaterThan(naming[0]!)
    }
  })

  test.each([
    { name: 'writing', call: fs.writeFileSync },
    { name: 'syncing', call: fs.fsyncSync },
    { name: 'renaming', call: fs.renameSync },
  ])('leaves the old file when $name fails', ({ call }) => {
    const path = fresh('file')
    writeFileDurably(path, bytes('one'), { mode: 0o600, replace: false })
    vi.mocked<(...given: never[]) => unknown>(call).mockImplementationOnce(failing('ENOSPC'))
    expect(() => writeFileDurably(path, bytes('two'), { mode: 0o600, replace: true })).toThrow('ENOSPC')
    expect(read(path)).toBe('one')
    expect(fs.readdirSync(dirname(path))).toEqual(['file'])
  })

  test('keeps its promise on a file system without links', () => {
    const path = fresh('file')
    vi.mocked(fs.linkSync).mockImplementationOnce(failing('EPERM'))
    writeFileDurably(path, bytes('one'), { mode: 0o600, replace: false })
    expect(read(path)).toBe('one')
    vi.mocked(fs.linkSync).mockImplementationOnce(failing('EPERM'))
    expect(() => writeFileDurably(path, bytes('two'), { mode: 0o600, replace: false })).toThrow('EEXIST')
    expect(read(path)).toBe('one')
    vi.mocked(fs.linkSync).mockImplementationOnce(failing('EIO'))
    expect(() => writeFileDurably(fresh('other'), bytes('two'), { mode: 0o600, replace: false })).toThrow('EIO')
  })

  test('fails where there is no directory', () => {
    expect(() => writeFileDurably(fresh('no/file'), bytes('one'), { mode: 0o600, replace: true })).toThrow('ENOENT')
  })

  test('removes what a crash left, and leaves alone what may be written at this moment', () => {
    const old = fresh('.key.pem.0123456789abcdef.tmp')
    const directory = dirname(old)
    const young = join(directory, '.key.pem.fedcba9876543210.tmp')
    for (const path of [old, young, join(directory, 'key.pem')]) fs.writeFileSync(path, 'x')
    fs.utimesSync(old, 1_000, 1_000)
    removeTornWrites(directory, Date.now() - 60_000)
    expect(fs.readdirSync(directory)).toEqual(['.key.pem.fedcba9876543210.tmp', 'key.pem'])
    removeTornWrites(directory)
    expect(fs.readdirSync(directory)).toEqual(['key.pem'])
  })
})
