import { compileScopes, readScope, readScopeGrant, scopeBounds } from '../src/rules/index.ts'
import { refuses, same, suite } from './portable.ts'

export const scope = suite('scope')

/** By the definition, segment by segment, and without a tree. */
function covers(grant: string, scope: string): boolean {
  const [[grantPath = '', grantVerb], [scopePath = '', scopeVerb]] = [grant.split(':'), scope.split(':')]
  if (grantVerb !== scopeVerb) return false
  const [pattern, segments] = [grantPath.split('.'), scopePath.split('.')]
  const isOpen = pattern.at(-1) === '**'
  const fixed = isOpen ? pattern.slice(0, -1) : pattern
  const fits = isOpen ? segments.length > fixed.length : segments.length === fixed.length
  return fits && fixed.every((each, i) => each === '*' || each === segments[i])
}

/** All paths of one to three of these segments, each without a verb and with one. */
function combinations(segments: readonly string[], last: readonly string[] = []): string[] {
  const paths: string[] = []
  const heads = ['', ...segments, ...segments.flatMap(a => segments.map(b => `${a}.${b}`))]
  for (const head of heads)
    for (const tail of [...segments, ...last]) paths.push(head === '' ? tail : `${head}.${tail}`)
  return paths.flatMap(path => [path, `${path}:read`])
}

scope.test('one grant covers what its definition says, for every grant and scope of three segments', () => {
  const scopes = combinations(['floor3', 'floor33', 'x'])
  for (const grant of combinations(['floor3', 'x', '*'], ['**'])) {
    const matches = compileScopes([grant])
    for (const each of scopes) same([grant, each, matches(each)], [grant, each, covers(grant, each)])
  }
})

scope.test('several grants cover what one of them covers', () => {
  const grants = combinations(['floor3', '*'], ['**'])
  const scopes = combinations(['floor3', 'x'])
  for (let i = 0; i < grants.length; i++) {
    const some = grants.filter((_, j) => (i * 7 + j * 13) % 5 === 0)
    const matches = compileScopes(some)
    for (const each of scopes) same([some, each, matches(each)], [some, each, some.some(grant => covers(grant, each))])
  }
})

scope.test('grants that were compiled once let none pass that only looks like them', async () => {
  compileScopes(['a', 'b'])
  for (const alike of [['a b'], ['a,b'], ['a","b'], ['["a","b"]']]) {
    await refuses('bad-scope', () => compileScopes(alike))
  }
  // Whatever can be gone through, from callers without types.
  const given = [new Set(['a', 'b']), new Set(['c']), new Map([['d', 1]]).keys()] as unknown as string[][]
  same(
    given.map(each => compileScopes(each)).map(covers => ['a', 'b', 'c', 'd'].filter(covers).join('')),
    ['ab', 'c', 'd'],
  )
  for (const other of [[7], [null], [{ toJSON: () => 'a' }], [['a']], [Object('a')]] as unknown as string[][]) {
    await refuses('bad-scope', () => compileScopes(other))
  }
  const [first, second] = [compileScopes(['a.*', 'b']), compileScopes(['a.*', 'c'])]
  same([first('b'), first('c'), second('b'), second('c')], [true, false, false, true])
})

scope.test('no grant covers nothing', () => {
  same(combinations(['a', 'b']).some(compileScopes([])), false)
})

const malformed = [
  '',
  '.',
  'a.',
  '.a',
  'a..b',
  'A',
  'floor3.Sensor',
  'a b',
  ' a',
  'a ',
  'a\n',
  'ä',
  'a/b',
  'a:',
  ':read',
  'a:Read',
  'a:read2',
  'a:read:write',
  'a:*',
  'a.b*',
  '*a',
  'a.**.b',
  '**.a',
  '***',
  'constructor.__proto__.x:toString',
  'a'.repeat(64),
  Array(17).fill('a').join('.'),
  `a:${'b'.repeat(33)}`,
]

scope.test('what is neither scope nor grant is refused, and covered by nothing', async () => {
  const all = compileScopes(['**', '**:read', '*', '*:read'])
  for (const text of malformed) {
    await refuses('bad-scope', () => readScope(text))
    await refuses('bad-scope', () => readScopeGrant(text))
    same([text, all(text)], [text, false])
  }
})

scope.test('a grant has patterns and a scope has none', async () => {
  const all = compileScopes(['**', 'a.*', '*'])
  for (const text of ['*', '**', 'a.*', 'a.**']) {
    same(readScopeGrant(text), text)
    await refuses('bad-scope', () => readScope(text))
    same(all(text), false)
  }
})

scope.test('names of things that every object has are segments like others', () => {
  for (const text of ['constructor', 'hasownproperty.tostring', '__proto__']) {
    same(compileScopes(['a'])(text), false)
    same(compileScopes([text])(text), true)
  }
})

scope.test('the longest are taken', async () => {
  const deep = Array(16).fill('a').join('.')
  const long = `${'a'.repeat(63)}.${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(57)}:write`
  same(long.length, scopeBounds.longest)
  for (const text of [deep, long]) same(compileScopes([text])(readScope(text)), true)
  await refuses('bad-scope', () => readScope(long.replace(':', 'd:')))
  const most = Array.from({ length: scopeBounds.grants }, (_, i) => `a${i}`)
  same(compileScopes(most)('a63'), true)
  await refuses('bad-scope', () => compileScopes([...most, 'b']))
})

scope.test('no scope costs more than there are grants, however they are made', () => {
  // Each of 64 grants with its own mixture of `*` and `a`: a walk of all paths would take 2^16 steps for each scope.
  const grants = Array.from({ length: 64 }, (_, i) =>
    Array.from({ length: 15 }, (_, j) => ((i >> (j % 6)) & 1 ? '*' : 'a')).join('.'),
  )
  const matches = compileScopes(grants)
  const text = `${Array(15).fill('a').join('.')}`
  same(matches(text), true)
  same(matches(`${text}.b`), false)
})
