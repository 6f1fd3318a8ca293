import { Refused } from '../errors/refused.ts'

// scope   = path [ ":" verb ]                 what a message says it is for: floor3.sensor.temperature:write
// path    = segment *15( "." segment )
// segment = 1*63( a-z / 0-9 / "_" / "-" )
// verb    = 1*32( a-z )
// grant   = the same, where a segment may be "*", and the last one "**"
//
// "*" is exactly one segment, "**" one or more. A grant without a verb grants what has none, and nothing else.

export const scopeBounds = { longest: 255, segments: 16, grants: 64 } as const

const segmentForm = /^[a-z0-9_-]{1,63}$/
const verbForm = /^[a-z]{1,32}$/

interface Parts {
  readonly segments: readonly string[]
  /** '' for none. */
  readonly verb: string
}

/** Checks what a message says it is for. @throws Refused `bad-scope` */
export const readScope = (text: string): string => {
  partsOf(text, 'scope')
  return text
}

/** Checks one grant. @throws Refused `bad-scope` */
export const readScopeGrant = (text: string): string => {
  partsOf(text, 'grant')
  return text
}

/** Whether grants cover a scope; what is no scope, nothing covers. */
export type ScopeMatcher = (scope: string) => boolean

/** Compiles grants, once for all names that have the same. @throws Refused `bad-scope` */
export function compileScopes(grants: readonly string[]): ScopeMatcher {
  const list = readGrants(grants)
  return matchers.of(JSON.stringify(list), () => compile(list))
}

/** As many as a name can have, each in its form. @throws Refused `bad-scope` */
export function readGrants(grants: readonly string[]): readonly string[] {
  const list = [...grants]
  if (list.length > scopeBounds.grants) throw new Refused('bad-scope', `more than ${scopeBounds.grants}`)
  for (const grant of list) readScopeGrant(grant)
  return list
}

function compile(grants: readonly string[]): ScopeMatcher {
  const root = new Node()
  for (const grant of grants) {
    const { segments, verb } = partsOf(grant, 'grant')
    root.add(segments, verb)
  }
  return scope => {
    const parts = scopes.of(scope, () => readParts(scope, 'scope'))
    return parts !== undefined && root.covers(parts.segments, 0, parts.verb)
  }
}

/** One place in the tree of grants. A walk visits each at most once, so no scope costs more than there are grants. */
class Node {
  readonly #next = new Map<string, Node>()
  /** Verbs of the grants that end here, and of those that end in `**` after here. */
  readonly #here = new Set<string>()
  readonly #below = new Set<string>()

  add([first, ...rest]: readonly string[], verb: string): void {
    if (first === undefined) this.#here.add(verb)
    else if (first === '**') this.#below.add(verb)
    else {
      const next = this.#next.get(first) ?? new Node()
      this.#next.set(first, next)
      next.add(rest, verb)
    }
  }

  covers(segments: readonly string[], at: number, verb: string): boolean {
    if (at === segments.length) return this.#here.has(verb)
    if (this.#below.has(verb)) return true
    const [exact, any] = [this.#next.get(segments[at]!), this.#next.get('*')]
    return (exact?.covers(segments, at + 1, verb) ?? false) || (any?.covers(segments, at + 1, verb) ?? false)
  }
}

function partsOf(text: string, kind: 'scope' | 'grant'): Parts {
  const parts = readParts(text, kind)
  if (parts === undefined) throw new Refused('bad-scope', kind)
  return parts
}

/** The same scopes and grants come again and again, and others choose them: so much is kept, and then nothing. */
class Remembered<T extends object | undefined> {
  readonly #known = new Map<string, T>()
  /** Of their texts: what is made of one takes memory by its length. */
  #characters = 0

  of(text: string, make: () => T): T {
    const before = this.#known.get(text)
    if (before !== undefined) return before
    const made = make()
    if (made === undefined) return made
    if (this.#characters + text.length > mostCharacters) {
      this.#known.clear()
      this.#characters = 0
    }
    this.#known.set(text, made)
    this.#characters += text.length
    return made
  }
}

const mostCharacters = 65_536
const scopes = new Remembered<Parts | undefined>()
const matchers = new Remembered<ScopeMatcher>()

function readParts(text: string, kind: 'scope' | 'grant'): Parts | undefined {
  if (typeof text !== 'string' || text.length > scopeBounds.longest) return undefined
  const colon = text.indexOf(':')
  const verb = colon < 0 ? '' : text.slice(colon + 1)
  if (colon >= 0 && !verbForm.test(verb)) return undefined
  const segments = (colon < 0 ? text : text.slice(0, colon)).split('.')
  if (segments.length > scopeBounds.segments) return undefined
  const isPlain = (segment: string, i: number): boolean =>
    segmentForm.test(segment) ||
    (kind === 'grant' && (segment === '*' || (segment === '**' && i === segments.length - 1)))
  return segments.every(isPlain) ? { segments, verb } : undefined
}
