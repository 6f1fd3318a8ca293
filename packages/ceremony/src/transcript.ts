import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { hex, sha256, utf8 } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import { writeFileDurably } from '@mintmark/elements'
import { failureOf } from './system-error.ts'
import { inTurn } from './turn.ts'

//     ceremony 1
//     time: 2026-03-02T09:41:07.000Z
//     request: <SHA-256 of the request>
//     words: ruffled egghead ... (its first 128 bits)
//     line: CA certificate: may issue server certificates, ...
//     root: <SHA-256 of the root certificate>
//     answer: <SHA-256 of the answer>
//     previous: <digest of the record before, of the first zeros>
//     digest: <SHA-256 of the lines above, each with its line end>
//     (an empty line)
//
// A record that is changed, moved or taken out breaks the chain. The chain has no key: whoever writes the file can make
// all of it anew, so its head is also written on paper.

/** One use of the root. */
export interface Ceremony {
  /** Unix milliseconds by the signing computer's clock. */
  readonly at: number
  /** SHA-256 (hex) of the request, the root certificate and the answer. */
  readonly request: string
  readonly root: string
  readonly answer: string
  readonly words: string
  readonly lines: readonly string[]
}

export interface Transcript {
  /** How often the root has signed. */
  readonly ceremonies: number
  /** Digest of the last record. */
  readonly head: string
}

const file = 'transcript.txt'
const beginning: Transcript = { ceremonies: 0, head: '0'.repeat(64) }

/** @throws Refused `transcript-broken` */
export function readTranscript(directory: string): Transcript {
  return check(readText(directory), directory)
}

/** Adds a record, durably and in one step. */
export function appendTranscript(directory: string, ceremony: Ceremony): Promise<Transcript> {
  return inTurn(directory, () => {
    const before = readText(directory)
    const text = `${before}${write(ceremony, check(before, directory))}`
    writeFileDurably(join(directory, file), utf8(text), { mode: 0o600, replace: true })
    return check(text, directory)
  })
}

function write(ceremony: Ceremony, last: Transcript): string {
  const body = [
    `ceremony ${last.ceremonies + 1}`,
    `time: ${new Date(ceremony.at).toISOString()}`,
    `request: ${ceremony.request}`,
    `words: ${ceremony.words}`,
    ...ceremony.lines.map(line => `line: ${line}`),
    `root: ${ceremony.root}`,
    `answer: ${ceremony.answer}`,
    `previous: ${last.head}`,
  ].join('\n')
  return `${body}\ndigest: ${digestOf(body)}\n\n`
}

function check(text: string, directory: string): Transcript {
  const records = text.split('\n\n')
  const broken = (): Refused => new Refused('transcript-broken', `record ${ceremonies + 1} in ${directory}`)
  let { ceremonies, head } = beginning
  if (records.pop() !== '') throw broken()
  for (const record of records) {
    const [, body, previous, digest] = recordForm.exec(record) ?? []
    if (!body?.startsWith(`ceremony ${ceremonies + 1}\n`) || previous !== head) throw broken()
    if (digest !== digestOf(body)) throw broken()
    head = digest
    ceremonies++
  }
  return { ceremonies, head }
}

const recordForm = /^(.*\nprevious: ([0-9a-f]{64}))\ndigest: ([0-9a-f]{64})$/s

const digestOf = (body: string): string => hex(sha256(utf8(`${body}\n`)))

function readText(directory: string): string {
  try {
    return readFileSync(join(directory, file), 'utf8')
  } catch (cause) {
    if (failureOf(cause) === 'ENOENT') return ''
    throw cause
  }
}
