import { type Code, Refused } from '../src/errors/index.ts'

// Tests of core are plain tables of cases, because vitest's files cannot run in workerd: the same cases are bundled
// once and run in Node, Deno, Bun, workerd and Chromium. No imports from outside core here, no timers, no IO.

export interface Case {
  readonly name: string
  /** Where it gives text, every runtime must give the same. */
  run(): unknown
}

export interface Suite {
  readonly name: string
  readonly cases: readonly Case[]
  test(name: string, run: Case['run']): void
}

export function suite(name: string): Suite {
  const cases: Case[] = []
  return { name, cases, test: (title, run) => void cases.push({ name: title, run }) }
}

export function ok(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(what)
}

/** Deep equality of values made of primitives, arrays, maps, plain objects and bytes. */
export function same(actual: unknown, expected: unknown): void {
  const [a, b] = [show(actual), show(expected)]
  if (a !== b) throw new Error(`expected ${b}, got ${a}`)
}

/** The call is refused with exactly this code. */
export async function refuses(code: Code, run: () => unknown): Promise<void> {
  let outcome: unknown
  try {
    outcome = await run()
  } catch (error) {
    if (error instanceof Refused && error.code === code) return
    throw new Error(`expected ${code}, got ${error}`, { cause: error })
  }
  throw new Error(`expected ${code}, but it was accepted: ${show(outcome)}`)
}

function show(value: unknown): string {
  if (value instanceof Uint8Array)
    return `bytes(${[...value].map(byte => byte.toString(16).padStart(2, '0')).join('')})`
  if (value instanceof Map) return `map{${[...value].map(([key, item]) => `${show(key)}:${show(item)}`).join()}}`
  if (Array.isArray(value)) return `[${value.map(show).join()}]`
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).filter(([, item]) => item !== undefined)
    return `{${entries
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => `${key}:${show(item)}`)
      .join()}}`
  }
  return typeof value === 'string' ? JSON.stringify(value) : String(value)
}
