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
