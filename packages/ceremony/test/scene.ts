import { spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { type Answering, confirmationOf } from '../src/answer.ts'
import { fingerprint } from '../src/describe-root.ts'
import { foundingRequest } from '../src/founding-request.ts'
import { createRoot, type NewRoot, type Root } from '../src/keys.ts'

export const at = Date.UTC(2026, 2, 2, 9, 41, 7)
export const ports = { now: () => at, random: (length: number) => randomBytes(length) }
export const passphrase = 'correct horse battery staple'
export const domain = 'example.test'

/** A directory for one test, or with `afterAll` for all tests of a file. */
export function desk(whenDone = onTestFinished): string {
  const directory = mkdtempSync(join(tmpdir(), 'mintmark-ceremony-'))
  whenDone(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

export const newRoot = (directory: string, changed: Partial<NewRoot> = {}): Promise<Root> =>
  createRoot({ directory, domain, passphrase, ...ports, development: false, cost: 2 ** 15, ...changed })

export interface Scene {
  readonly directory: string
  readonly root: Root
  readonly keys: string
  readonly request: Uint8Array
  readonly answering: Answering
}

/** A root and a request for it, as files. */
export async function scene(whenDone = onTestFinished): Promise<Scene> {
  const directory = desk(whenDone)
  const keys = join(directory, 'root')
  const root = await newRoot(keys)
  const request = await foundingRequest({ directory, domain, anchor: fingerprint(root.certificate), ...ports })
  writeFileSync(join(directory, 'request.json'), request)
  return { directory, root, keys, request, answering: { keys, signer, now: ports.now } }
}

export const signer = { confirm: confirmationOf, passphrase: () => passphrase }

/** The JSON of a file, changed and written as such files are. */
export function edited(bytes: Uint8Array, change: (file: Record<string, unknown>) => void): Uint8Array {
  const file = JSON.parse(Buffer.from(bytes).toString())
  change(file)
  return Buffer.from(`${JSON.stringify(file, null, 2)}\n`)
}

export const command = join(import.meta.dirname, '../bin/mintmark-ceremony')

/** Runs the real command without a terminal. */
export function run(directory: string, ...args: readonly string[]): { code: number; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: directory, encoding: 'utf8', input: '' })
  return { code: status ?? -1, out: stdout, err: stderr }
}

/** Runs the real command at a terminal, and types each answer once its question is on the screen. */
export function typed(
  directory: string,
  args: readonly string[],
  answers: readonly (readonly [question: string, answer: string])[],
): Promise<{ code: number; screen: string }> {
  const line = [command, ...args].map(word => `'${word}'`).join(' ')
  const child = spawn('script', ['--quiet', '--return', '--command', line, '/dev/null'], { cwd: directory })
  let screen = ''
  let from = 0
  const left = [...answers]
  return new Promise((resolve, reject) => {
    child.stdout.on('data', bytes => {
      screen += bytes
      const [question, answer] = left[0] ?? ['', '']
      const seen = question === '' ? -1 : screen.indexOf(question, from)
      if (seen < 0) return
      from = seen + question.length
      left.shift()
      child.stdin.write(answer)
    })
    child.on('error', reject)
    child.on('close', code => resolve({ code: code ?? -1, screen }))
  })
}
