// No insecure flag: no command option, environment name, request field or option property is named after switching a
// check off. Whole words are compared, so `allowed` and `disallow` are fine, and so are comments and texts.
import type { Token } from './tokens.ts'

const unsafe = /\b(skip|insecure|allow|disable|bypass|no verify)\b/
/** Options of other people's libraries that ours has to read, each the opposite of what its name sounds like. */
const theirs: ReadonlySet<string> = new Set([
  // node-redis: without it a nonce waits in a queue, and is spent when nobody is left to receive its message.
  'disableOfflineQueue',
])

/** Why names in these tokens are refused. */
export function unsafeNames(tokens: readonly Token[]): string[] {
  const found: string[] = []
  const shape = shapes(tokens)
  for (const [at, token] of tokens.entries()) {
    const before = tokens[at - 1]?.text
    const isOption =
      token.kind === 'string' && before === '(' && /^(option|requiredOption|Option)$/.test(tokens[at - 2]?.text ?? '')
    const isEnvironment =
      (before === '.' || before === '[' ? tokens[at - 2]?.text === 'env' : false) || token.text.startsWith('MINTMARK_')
    if (isOption && isUnsafe(optionName(token.text))) found.push(`command option ${token.text}`)
    else if (isEnvironment && isUnsafe(token.text)) found.push(`environment name ${token.text}`)
    else if (shape[at] && isProperty(tokens, at) && isUnsafe(token.text)) found.push(`property ${token.text}`)
  }
  return found.map(name => `${name} would switch a check off`)
}

const isUnsafe = (name: string): boolean =>
  !theirs.has(name) &&
  unsafe.test(
    name
      .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
      .replace(/[-_]+/g, ' ')
      .toLowerCase(),
  )

/** The long name out of `-x, --long-name <value>`. */
const optionName = (flags: string): string => /--([\w-]+)/.exec(flags)?.[1] ?? ''

function isProperty(tokens: readonly Token[], at: number): boolean {
  const { kind } = tokens[at]!
  return (kind === 'word' || kind === 'string') && /^[:?(]$/.test(tokens[at + 1]?.text ?? '')
}

/** For each token whether it stands directly inside braces that describe a type or a schema. */
function shapes(tokens: readonly Token[]): boolean[] {
  const open: { readonly sign: string; readonly isShape: boolean }[] = []
  // The `type X =` or `interface X` that is being read, and how deep it began.
  let declaration: { readonly word: string; readonly depth: number } | undefined
  return tokens.map(({ kind, text }, at) => {
    const inside = open.at(-1)?.isShape ?? false
    if (kind === 'word' && !inside) {
      if (beginsStatement(text) && open.length <= (declaration?.depth ?? 0)) declaration = undefined
      if (beginsType(tokens, at)) declaration = { word: text, depth: open.length }
    }
    if (kind !== 'sign') return inside
    if (/^[({[]$/.test(text)) {
      const begins = declaration !== undefined || open.some(({ isShape }) => isShape) || isShapeHere(tokens, at, open)
      open.push({ sign: text, isShape: text === '{' && begins })
    } else if (/^[)\]}]$/.test(text)) {
      open.pop()
      if (declaration?.word === 'interface' && open.length === declaration.depth && text === '}')
        declaration = undefined
    }
    return inside
  })
}

const isShapeHere = (tokens: readonly Token[], at: number, open: readonly { readonly sign: string }[]): boolean =>
  isSchema(tokens, at) || isParameter(tokens, at, open.at(-1)?.sign)

const beginsType = (tokens: readonly Token[], at: number): boolean =>
  /^(type|interface)$/.test(tokens[at]!.text) && tokens[at + 1]?.kind === 'word'

const beginsStatement = (word: string): boolean =>
  /^(export|const|let|function|class|async|declare|import|if|for|return|throw|type|interface)$/.test(word)

/** `z.object({` and `strictObject({`. */
const isSchema = (tokens: readonly Token[], at: number): boolean =>
  tokens[at - 1]?.text === '(' && /object$/i.test(tokens[at - 2]?.text ?? '')

/** `(options: {`, `, options?: {` and `}: {`: the type of a parameter; in a call no colon can stand there. */
function isParameter(tokens: readonly Token[], at: number, enclosing: string | undefined): boolean {
  if (enclosing !== '(' || tokens[at - 1]?.text !== ':') return false
  const optional = tokens[at - 2]?.text === '?' ? 1 : 0
  const before = tokens[at - 3 - optional]?.text ?? ''
  return tokens[at - 2]?.text === '}' || before === '(' || before === ','
}
