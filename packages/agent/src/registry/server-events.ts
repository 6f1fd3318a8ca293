import { Refused } from '@mintmark/core/errors'

export interface ServerEvent {
  readonly event: string
  readonly data: string
  /** '' where none was said. */
  readonly id: string
}

/** Longer than any event of a registry. */
const usual = 16_384

/**
 * Events of a `text/event-stream` (WHATWG HTML 9.2.6), as they come: each piece of the stream gives those that it ends.
 * @throws Refused `too-large` for one that does not end
 */
export class ServerEvents {
  readonly #longest: number
  readonly #decoder = new TextDecoder()
  #rest = ''
  #event = ''
  #id = ''
  #data: string[] = []

  constructor(longest = usual) {
    this.#longest = longest
  }

  read(bytes: Uint8Array): ServerEvent[] {
    this.#rest += this.#decoder.decode(bytes, { stream: true })
    const lines = this.#rest.split(/\r\n|\n|\r(?!$)/)
    this.#rest = lines.pop()!
    const events: ServerEvent[] = []
    for (const line of lines) {
      const event = this.#line(line)
      if (event) events.push(event)
    }
    const waiting = this.#rest.length + this.#data.reduce((sum, { length }) => sum + length, 0)
    if (waiting > this.#longest) throw new Refused('too-large', 'an event')
    return events
  }

  #line(line: string): ServerEvent | undefined {
    if (line === '') {
      const [event, data, id] = [this.#event || 'message', this.#data.join('\n'), this.#id]
      const isNone = this.#data.length === 0
      this.#event = ''
      this.#id = ''
      this.#data = []
      return isNone ? undefined : { event, data, id }
    }
    const colon = line.indexOf(':')
    const [field, value] = colon < 0 ? [line, ''] : [line.slice(0, colon), line.slice(colon + 1).replace(/^ /, '')]
    if (field === 'event') this.#event = value
    if (field === 'id') this.#id = value
    if (field === 'data') this.#data.push(value)
    return undefined
  }
}
