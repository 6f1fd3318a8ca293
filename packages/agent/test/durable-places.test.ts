import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Reading } from '../src/gateway/index.ts'
import { encryptionKeysIn, FileReadingQueue } from '../src/node/index.ts'
import { EncryptionKeys } from '../src/seal/index.ts'

// What a power cut, or a disk with faults, does to the directories of readings and of encryption keys.

vi.mock('node:fs', async original => {
  const real = await original<typeof import('node:fs')>()
  const fsyncSync = vi.fn(real.fsyncSync)
  return { ...real, fsyncSync, default: { ...real, fsyncSync } }
})

let top: string
beforeEach(() => {
  top = fs.mkdtempSync(join(tmpdir(), 'mintmark-durable-'))
  vi.mocked(fs.fsyncSync).mockClear()
})
afterEach(() => fs.rmSync(top, { recursive: true }))

const reading: Reading = {
  id: 'a'.repeat(32),
  device: 'sensor-7',
  received: 1,
  measured: undefined,
  contentType: 'text/plain',
  data: new Uint8Array(1),
}

/** The directories whose names were on the disk, as inodes. */
function synced(): Set<number> {
  const nodes = new Set<number>()
  vi.mocked(fs.fsyncSync).mockImplementation(file => void nodes.add(fs.fstatSync(file).ino))
  return nodes
}

test.each([
  [
    'readings',
    async (directory: string) => {
      const queue = await FileReadingQueue.open(directory)
      queue.add(reading)
      queue.close()
    },
  ],
  ['encryption keys', (directory: string) => EncryptionKeys.open(encryptionKeysIn(directory))],
])(
  'a directory of %s is on the disk before anything in it is acknowledged, and so are those above it',
  async (_, use) => {
    const nodes = synced()
    const directory = join(top, 'deeper', 'place')
    await use(directory)
    for (const each of [directory, dirname(directory), top]) expect(nodes.has(fs.statSync(each).ino), each).toBe(true)
  },
)

test('a queue whose disk failed once takes the next reading', async () => {
  const queue = await FileReadingQueue.open(join(top, 'queue'))
  // The file is there, and its name may not be.
  let calls = 0
  vi.mocked(fs.fsyncSync).mockImplementation(() => {
    if (++calls === 2) throw new Error('EIO')
  })
  expect(() => queue.add(reading)).toThrow('unavailable')
  queue.add(reading)
  expect(queue.size).toBe(1)
  queue.close()
})
