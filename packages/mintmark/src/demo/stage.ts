import { styleText } from 'node:util'

/** One thing that was shown. */
export interface Step {
  readonly title: string
  /** What was seen, in a few words. */
  readonly found: string
  /** Whole ones. */
  readonly milliseconds: number
}

/** Where the demo shows what it does: a line a step, and on a terminal how far it has come. */
export class Stage {
  readonly steps: Step[] = []
  readonly #write: (text: string) => void
  readonly #live: boolean
  readonly #colours: boolean
  #current: string | undefined

  /** @param live a line may be written over */
  constructor(write: (text: string) => void, { live, colours }: { live: boolean; colours: boolean }) {
    this.#write = write
    this.#live = live
    this.#colours = colours
  }

  /** @param work gives what was seen; where it throws, the demo has failed */
  async step(title: string, work: (progress: (done: number, of: number) => void) => Promise<string>): Promise<void> {
    const began = performance.now()
    this.#current = title
    this.#line(`  ${title} ...`)
    const found = await work((done, of) => this.#line(`  ${title} ... ${done}/${of}`))
    this.#current = undefined
    this.steps.push({ title, found, milliseconds: Math.round(performance.now() - began) })
    this.#end(`${this.#paint('green', '✓')} ${title}: ${found}`)
  }

  /** The step that was under way did not go as it should. */
  fail(): void {
    if (this.#current !== undefined) this.#end(`${this.#paint('red', '✗')} ${this.#current}`)
  }

  #line(text: string): void {
    if (this.#live) this.#write(`\r\x1b[2K${text}`)
  }

  #end(text: string): void {
    this.#write(`${this.#live ? '\r\x1b[2K' : ''}${text}\n`)
  }

  #paint(style: 'green' | 'red', text: string): string {
    return this.#colours ? styleText(style, text, { validateStream: false }) : text
  }
}
