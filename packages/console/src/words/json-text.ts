// JSON with one reading, and where it is not: `core` refuses what is wrong, and this says where to look. It is the
// same language: RFC 8259, no name twice in an object, none that is `__proto__`, not too deep, no
// number that a double cannot count, no half of a pair of surrogates.

export interface JsonFault {
  /** Characters from the begin. */
  readonly at: number
  readonly line: number
  readonly column: number
  readonly why: string
}

// One less than core takes: what is asked of the platform has this inside.
const maxDepth = 31

/** What is wrong with it first; undefined where it is JSON. */
export function findFault(text: string): JsonFault | undefined {
  const reader = new Reader(text)
  try {
    reader.readDocument()
    return undefined
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    const before = text.slice(0, error.at).split('\n')
    return { at: error.at, line: before.length, column: before.at(-1)!.length + 1, why: error.message }
  }
}

class Fault extends Error {
  readonly at: number

  constructor(at: number, why: string) {
    super(why)
    this.at = at
  }
}

const words = /true|false|null/y
const numbers = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const space = /[ \t\r\n]*/y

class Reader {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  readDocument(): void {
    this.#skipSpace()
    this.#readValue(1)
    this.#skipSpace()
    if (this.#at < this.#text.length) throw new Fault(this.#at, 'Nothing may follow after the end of the value.')
  }

  #readValue(depth: number): void {
    const next = this.#text[this.#at]
    if ((next === '{' || next === '[') && depth > maxDepth) throw new Fault(this.#at, `Deeper than ${maxDepth}.`)
    if (next === '{') this.#readObject(depth)
    else if (next === '[') this.#readList(depth)
    else if (next === '"') this.#readString()
    else if (!this.#match(words) && !this.#readNumber()) throw new Fault(this.#at, this.#noValue())
    else if (/[\w.+-]/.test(this.#text[this.#at] ?? '')) throw new Fault(this.#at, 'This is no JSON number or word.')
  }

  #readObject(depth: number): void {
    const names = new Set<string>()
    this.#readItems('}', () => {
      const at = this.#at
      if (this.#text[at] !== '"') throw new Fault(at, 'A name in double quotes is due here.')
      const name = this.#readString()
      if (names.has(name)) throw new Fault(at, `The name ${JSON.stringify(name)} stands here a second time.`)
      if (name === '__proto__') throw new Fault(at, 'The name __proto__ is not taken.')
      names.add(name)
      this.#skipSpace()
      if (this.#text[this.#at] !== ':') throw new Fault(this.#at, 'A colon is due after the name.')
      this.#at++
      this.#skipSpace()
      this.#readValue(depth + 1)
    })
  }

  #readList(depth: number): void {
    this.#readItems(']', () => this.#readValue(depth + 1))
  }

  /** From the bracket that opens to the one that closes. */
  #readItems(close: string, readItem: () => void): void {
    const opened = this.#at++
    this.#skipSpace()
    if (this.#text[this.#at] === close) {
      this.#at++
      return
    }
    for (;;) {
      readItem()
      this.#skipSpace()
      const next = this.#text[this.#at]
      if (next === undefined) throw new Fault(opened, `This is not closed: ${close} is missing.`)
      if (next !== ',' && next !== close) throw new Fault(this.#at, `A comma or ${close} is due here.`)
      this.#at++
      if (next === close) return
      this.#skipSpace()
      if (this.#text[this.#at] === close)
        throw new Fault(this.#at, `After the last comma something is due, or no comma.`)
    }
  }

  #readNumber(): boolean {
    const from = this.#at
    if (!this.#match(numbers)) return false
    if (Math.abs(Number(this.#text.slice(from, this.#at))) <= Number.MAX_SAFE_INTEGER) return true
    throw new Fault(from, 'This number is more than every reader can count. Write it as a text.')
  }

  #readString(): string {
    const from = this.#at
    let at = from + 1
    for (; this.#text[at] !== '"'; at++) {
      const character = this.#text[at]
      if (character === undefined || character === '\n') throw new Fault(from, 'This text has no closing quote.')
      if (character < ' ') throw new Fault(at, 'A control character has to be written with a backslash.')
      if (character !== '\\') continue
      const escaped = /^(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/.exec(this.#text.slice(at + 1, at + 6))
      if (!escaped) throw new Fault(at, 'A backslash and what follows it here mean nothing.')
      at += escaped[0].length
    }
    this.#at = at + 1
    const value = JSON.parse(this.#text.slice(from, at + 1)) as string
    if (!value.isWellFormed()) throw new Fault(from, 'This text has half of a character in it.')
    return value
  }

  #noValue(): string {
    const next = this.#text[this.#at]
    if (next === undefined) return 'A value is missing at the end.'
    if (next === "'") return 'Texts stand in double quotes.'
    return 'A value is due here: an object, a list, a text in double quotes, a number, true, false or null.'
  }

  #skipSpace(): void {
    this.#match(space)
  }

  #match(pattern: RegExp): boolean {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)
    this.#at += found?.[0].length ?? 0
    return found !== null
  }
}
