// Why this exists: the walls (rooms.ts, surface.ts) look at imports and names, and must see neither comments nor the
// text of strings as code. TypeScript 7 offers no parser to tools, so this is the small part that they need.

export interface Token {
  readonly kind: 'word' | 'string' | 'template' | 'number' | 'regex' | 'sign'
  /** As it stands, but a string without its quotes. */
  readonly text: string
}

/**
 * @param jsx whether the source has elements in it, as `.tsx` files do; there `<T>` begins no list of types where a value
 * can stand, which is TypeScript's own rule too
 */
export function tokenize(source: string, { jsx = false } = {}): Token[] {
  const tokens: Token[] = []
  // What is open, innermost last. `block`: a `{` of code. `template`: the `${` of a template, whose text goes on after
  // the matching `}`. `tag`, `end`: a tag that opens or ends an element. `text`: what stands between those two.
  const open: ('block' | 'template' | 'tag' | 'end' | 'text')[] = []
  let at = 0
  const push = (kind: Token['kind'], raw: string) => {
    tokens.push({ kind, text: kind === 'string' ? raw.slice(1, -1) : raw })
    at += raw.length
  }
  while (at < source.length) {
    const inside = open.at(-1)
    const rest = source.slice(at, at + 2)
    if (inside === 'text') {
      // Words for people: no code, whatever quotes and slashes are in them.
      at = endOfText(source, at)
      if (at >= source.length) break
      open.push(source[at] === '{' ? 'block' : source[at + 1] === '/' ? 'end' : 'tag')
      push('sign', source[at]!)
    } else if (/^\s/.test(rest)) {
      at++
    } else if (rest === '//') {
      at = endOf(source, '\n', at)
    } else if (rest === '/*') {
      at = endOf(source, '*/', at + 2)
    } else if (inside === 'tag' || inside === 'end') {
      const { kind, raw } = inTag(source, at)
      if (raw === '{') open.push('block')
      else if (inside === 'end' && raw.endsWith('>')) open.splice(-2, 2)
      else if (raw === '/>') open.pop()
      else if (raw === '>') open.splice(-1, 1, 'text')
      push(kind, raw)
    } else if (jsx && /^<[\p{ID_Start}$_>]/u.test(rest) && beginsValue(tokens.at(-1))) {
      open.push('tag')
      push('sign', '<')
    } else {
      const inTemplate = rest[0] === '`' || (rest[0] === '}' && inside === 'template')
      const { kind, raw } = inTemplate ? template(source, at) : next(source, at, tokens.at(-1))
      if (rest[0] === '}') open.pop()
      if (inTemplate ? raw.endsWith('${') : raw === '{') open.push(inTemplate ? 'template' : 'block')
      push(kind, raw)
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

const tagPatterns: readonly (readonly [Token['kind'], RegExp])[] = [
  ['word', /[\p{ID_Start}$_][\p{ID_Continue}$.:-]*/uy],
  // No escapes, and it may go on over lines (JSX 1.3).
  ['string', /'[^']*'|"[^"]*"/y],
  ['sign', /\/>|[\s\S]/uy],
]

function inTag(source: string, at: number): Raw {
  for (const [kind, pattern] of tagPatterns) {
    const raw = match(pattern, source, at)
    if (raw !== undefined) return { kind, raw }
  }
  throw new Error(`no token at ${at}`)
}

/** The next element or expression. */
function endOfText(source: string, from: number): number {
  let at = from
  while (at < source.length && source[at] !== '<' && source[at] !== '{') at++
  return at
}

function match(pattern: RegExp, source: string, at: number): string | undefined {
  pattern.lastIndex = at
  return pattern.exec(source)?.[0]
}

function endOf(source: string, mark: string, from: number): number {
  const found = source.indexOf(mark, from)
  return found < 0 ? source.length : found + mark.length
}
