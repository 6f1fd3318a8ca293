// Why this exists: the walls (rooms.ts, surface.ts) look at imports and names, and must see neither comments nor the
// text of strings as code. TypeScript 7 offers no parser to tools, so this is the small part that they need.

export interface Token {
  readonly kind: 'word' | 'string' | 'template' | 'number' | 'regex' | 'sign'
  /** As it stands, but a string without its quotes. */
  readonly text: string
}

export function tokenize(source: string): Token[] {
  const tokens: Token[] = []
  // For each open `{`: whether it is the `${` of a template, whose text goes on after the matching `}`.
  const braces: boolean[] = []
  let at = 0
  while (at < source.length) {
    const rest = source.slice(at, at + 2)
    if (/^\s/.test(rest)) {
      at++
    } else if (rest === '//') {
      at = endOf(source, '\n', at)
    } else if (rest === '/*') {
      at = endOf(source, '*/', at + 2)
    } else {
      const inTemplate = rest[0] === '`' || (rest[0] === '}' && braces.at(-1) === true)
      const token = inTemplate ? template(source, at) : next(source, at, tokens.at(-1))
      if (rest[0] === '}') braces.pop()
      if (inTemplate ? token.raw.endsWith('${') : token.raw === '{') braces.push(inTemplate)
      tokens.push({ kind: token.kind, text: token.kind === 'string' ? token.raw.slice(1, -1) : token.raw })
      at += token.raw.length
    }
  }
  return tokens
}

interface Raw {
  readonly kind: Token['kind']
  readonly raw: string
}

const patterns: readonly (readonly [Token['kind'], RegExp])[] = [
  ['word', /#?[\p{ID_Start}$_][\p{ID_Continue}$]*/uy],
  ['string', /'(?:[^'\\\n]|\\[\s\S])*'|"(?:[^"\\\n]|\\[\s\S])*"/y],
  ['number', /\.?\d(?:[eE][+-]|[\w.])*/y],
  ['sign', /\.\.\.|\?\.(?!\d)|=>|[\s\S]/uy],
]
const regex = /\/(?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/y

function next(source: string, at: number, before: Token | undefined): Raw {
  if (source[at] === '/' && beginsValue(before)) {
    const raw = match(regex, source, at)
    if (raw !== undefined) return { kind: 'regex', raw }
  }
  for (const [kind, pattern] of patterns) {
    const raw = match(pattern, source, at)
    if (raw !== undefined) return { kind, raw }
  }
  throw new Error(`no token at ${at}`)
}

/** After these a slash begins a regular expression; after a value it divides. */
function beginsValue(before: Token | undefined): boolean {
  if (before === undefined) return true
  if (before.kind === 'word')
    return /^(return|typeof|case|in|of|delete|void|throw|new|else|do|await|yield)$/.test(before.text)
  return before.kind === 'sign' && !/^[)\]}]$/.test(before.text)
}

/** From a backtick or the `}` that ends an expression, up to the closing backtick or the next `${`. */
function template(source: string, start: number): Raw {
  let at = start + 1
  while (at < source.length && source[at] !== '`' && source.slice(at, at + 2) !== '${')
    at += source[at] === '\\' ? 2 : 1
  return { kind: 'template', raw: source.slice(start, at + (source[at] === '`' ? 1 : 2)) }
}

function match(pattern: RegExp, source: string, at: number): string | undefined {
  pattern.lastIndex = at
  return pattern.exec(source)?.[0]
}

function endOf(source: string, mark: string, from: number): number {
  const found = source.indexOf(mark, from)
  return found < 0 ? source.length : found + mark.length
}
