import { describe, expect, test } from 'vitest'
import { impurities, networkGlobals } from './pure.ts'
import { tokenize } from './tokens.ts'

describe('core may not hold', () => {
  const sources = [
    'Date.now()',
    'new Date()',
    'new Date',
    'Date()',
    'const d = Date',
    'Math.random()',
    'const { random } = Math',
    'fetch(x)',
    '[...process.argv]',
    'console.log(1)',
    'performance.now()',
    'setTimeout(f, 1)',
    'globalThis.x',
    'crypto.getRandomValues(x)',
    'a / b / Math.random() / c',
    'x = /[/"]/.test(y) && fetch',
    `\`a $\{ process.env.X } b\``,
    `\`a $\{ {b: \`c\`} } $\{ process }\``,
    "'it\\'s' + process",
  ]
  test.each(sources)('%s', source => {
    expect(impurities(tokenize(source))).toHaveLength(1)
  })
})

describe('core may hold', () => {
  const sources = [
    'new Date(at).toISOString()',
    'Date.UTC(2026, 0)',
    'Math.floor(x)',
    'crypto.subtle.verify(x)',
    'ports.fetch(x); row?.process',
    '// Date.now()\n/* fetch() */',
    '`fetch() Math.random()`',
    '"process" + \'console\' + /fetch/.source',
    'declare const crypto: { readonly subtle: object }',
  ]
  test.each(sources)('%s', source => {
    expect(impurities(tokenize(source))).toEqual([])
  })
})

test('sees a network that needs no import', () => {
  expect(networkGlobals(tokenize("new WebSocket('x'); f = fetch; globalThis['fetch']"))).toHaveLength(3)
  expect(networkGlobals(tokenize('page.fetch() // fetch'))).toEqual([])
})
