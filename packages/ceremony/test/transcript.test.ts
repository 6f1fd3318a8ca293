import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { answerBytes } from '../src/answer.ts'
import { appendTranscript, readTranscript } from '../src/transcript.ts'
import { layTurn } from '../src/turn.ts'
import { at, desk, run, scene } from './scene.ts'

const ceremony = (n: number) => ({
  at: at + n,
  request: 'a'.repeat(64),
  root: 'b'.repeat(64),
  answer: n.toString(16).padStart(64, '0'),
  words: 'aardvark absurd',
  lines: ['CA certificate: one', 'charter: two'],
})

async function three(): Promise<{ keys: string; path: string; text: string }> {
  const keys = desk()
  layTurn(keys)
  for (const n of [1, 2, 3]) await appendTranscript(keys, ceremony(n))
  const path = join(keys, 'transcript.txt')
  return { keys, path, text: readFileSync(path, 'utf8') }
}

test('a record names its time, its request, every line, the root and the answer, and chains to the one before', async () => {
  const { keys, text } = await three()
  const [first, second] = text.split('\n\n')
  expect(first?.split('\n').slice(0, -1)).toEqual([
    'ceremony 1',
    'time: 2026-03-02T09:41:07.001Z',
    `request: ${'a'.repeat(64)}`,
    'words: aardvark absurd',
    'line: CA certificate: one',
    'line: charter: two',
    `root: ${'b'.repeat(64)}`,
    `answer: ${'1'.padStart(64, '0')}`,
    `previous: ${'0'.repeat(64)}`,
  ])
  const digest = first?.split('digest: ')[1]
  expect(second).toContain(`previous: ${digest}`)
  expect(readTranscript(keys)).toEqual({ ceremonies: 3, head: text.split('digest: ').at(-1)?.trim() })
})

describe('notices', () => {
  const changes: readonly (readonly [name: string, change: (text: string) => string])[] = [
    ['a changed line', text => text.replace('charter: two', 'charter: too')],
    ['a changed line in the last record', text => text.replace(/charter: two(?![\s\S]*charter: two)/, 'charter: too')],
    ['a record taken out', text => text.split('\n\n').toSpliced(1, 1).join('\n\n')],
    ['the first record taken out', text => text.split('\n\n').slice(1).join('\n\n')],
    ['two records exchanged', text => [1, 0, 2, 3].map(n => text.split('\n\n')[n]).join('\n\n')],
    ['a record given twice', text => `${text}${text.split('\n\n')[2]}\n\n`],
    ['a cut end', text => text.slice(0, -1)],
    ['text after the end', text => `${text}note\n`],
    ['a byte that is gone', text => text.slice(0, 100) + text.slice(101)],
  ]
  test.each(changes)('%s', async (_, change) => {
    const { keys, path, text } = await three()
    expect(change(text)).not.toBe(text)
    writeFileSync(path, change(text))
    expect(() => readTranscript(keys)).toThrow(expect.objectContaining({ code: 'transcript-broken' }))
    await expect(appendTranscript(keys, ceremony(4))).rejects.toMatchObject({ code: 'transcript-broken' })
    expect(readFileSync(path, 'utf8')).toBe(change(text))
  })
})

test('a root with a broken transcript signs nothing, and the command says so', async () => {
  const { keys, request, answering, directory } = await scene()
  await answerBytes(request, answering)
  const path = join(keys, 'transcript.txt')
  writeFileSync(path, readFileSync(path, 'utf8').replace('server certificates', 'server Certificates'))
  const asked = { ...answering, signer: { ...answering.signer, confirm: () => expect.fail('asked') } }
  await expect(answerBytes(request, asked)).rejects.toMatchObject({ code: 'transcript-broken' })
  const shown = run(directory, 'keys', 'show', '--keys', 'root')
  expect(shown).toMatchObject({ code: 1, out: '' })
  expect(shown.err).toContain('transcript-broken')
})

test('appends at one moment all find their place', async () => {
  const keys = desk()
  layTurn(keys)
  await Promise.all(Array.from({ length: 20 }, (_, n) => appendTranscript(keys, ceremony(n))))
  expect(readTranscript(keys).ceremonies).toBe(20)
  expect(readdirSync(keys).sort()).toEqual(['transcript.txt', 'turn.free'])
})

test('a process that died while it wrote holds nobody up', async () => {
  const keys = desk()
  layTurn(keys)
  // No process has an id this high; and one that died may have had ours.
  for (const pid of [2 ** 31 - 1, process.pid]) {
    renameSync(join(keys, 'turn.free'), join(keys, `turn.held-by-${pid}`))
    await appendTranscript(keys, ceremony(1))
    expect(readdirSync(keys)).toContain('turn.free')
  }
})
