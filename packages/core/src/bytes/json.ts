import { Refused } from '../errors/refused.ts'
import { readUtf8 } from './text.ts'

export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json }

const maxDepth = 32

/**
 * One JSON value (RFC 8259) with one reading: no repeated names (JSON.parse keeps the last), none that reach an
 * object's prototype, at most 32 deep, no byte order mark, nothing after it.
 */
export function readJson(bytes: Uint8Array): Json {
  const text = readUtf8(bytes)
  try {
    const value = JSON.parse(text) as Json
    checkNames(text)
    return value
  } catch (cause) {
    if (cause instanceof Refused) throw cause
    throw new Refused('bad-json', undefined, { cause })
  }
}

/**
 * The one text of a value (RFC 8785): names in order of their UTF-16 units, nothing between, numbers as ECMAScript has
 * them. What would not come back as it was is refused: numbers that a double cannot count, and halves of surrogates.
 */
export function writeJson(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(writeJson).join()}]`
  if (typeof value === 'object' && value !== null) {
    const names = Object.keys(value).toSorted()
    const named = value as { readonly [name: string]: Json }
    return `{${names.map(name => `${writeJson(name)}:${writeJson(named[name]!)}`).join()}}`
  }
  if (typeof value === 'number' && !(Math.abs(value) <= Number.MAX_SAFE_INTEGER)) {
    throw new Refused('bad-number', 'more than a double can count')
  }
  if (typeof value === 'string' && !value.isWellFormed()) throw new Refused('bad-json', 'half of a surrogate pair')
  return JSON.stringify(value)
}

/** Walks text that JSON.parse accepted, so only strings and brackets need a look. */
function checkNames(text: string): void {
  const open: (Set<string> | undefined)[] = []
  for (let at = 0; at < text.length; at++) {
    const character = text[at]
    if (character === '{' || character === '[') {
      open.push(character === '{' ? new Set() : undefined)
      if (open.length > maxDepth) throw new Refused('bad-json', 'too deep')
    } else if (character === '}' || character === ']') {
      open.pop()
    } else if (character === '"') {
      const end = endOfString(text, at)
      const names = open.at(-1)
      if (names && isName(text, end)) addName(names, JSON.parse(text.slice(at, end + 1)) as string)
      at = end
    }
  }
}

function endOfString(text: string, start: number): number {
  let at = start + 1
  while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1
  return at
}

function isName(text: string, end: number): boolean {
  let at = end + 1
  while (text[at] === ' ' || text[at] === '\t' || text[at] === '\n' || text[at] === '\r') at++
  return text[at] === ':'
}

function addName(names: Set<string>, name: string): void {
  if (names.has(name)) throw new Refused('bad-json', 'a name twice')
  if (name === '__proto__') throw new Refused('bad-json', 'a name that reaches the prototype')
  names.add(name)
}
