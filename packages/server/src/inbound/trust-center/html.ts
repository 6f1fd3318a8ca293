/**
 * Markup that was made by `html`. Own code and not `hono/html`, whose tag takes values of any type, trusts whatever has
 * `isEscaped`, and may give a promise: here only this file makes markup, and the type checker sees it.
 */
export class Html {
  readonly #text: string

  /** Only for `html`: what comes in here is not escaped. */
  private constructor(text: string) {
    this.#text = text
  }

  static join(literals: readonly string[], values: readonly Value[]): Html {
    return new Html(literals.map((literal, at) => (at === 0 ? literal : markup(values[at - 1]) + literal)).join(''))
  }

  toString(): string {
    return this.#text
  }
}

export type Value = string | number | Html | undefined | readonly Html[]

/** Every value is escaped, for text and for quoted attributes alike, unless it is markup already. */
export const html = (literals: TemplateStringsArray, ...values: readonly Value[]): Html => Html.join(literals, values)

function markup(value: Value): string {
  if (value === undefined) return ''
  if (value instanceof Html) return value.toString()
  return Array.isArray(value) ? value.map(markup).join('') : escapeText(String(value))
}

const escapeText = (text: string): string => text.replace(/[&<>"']/g, character => entities[character]!)

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}
