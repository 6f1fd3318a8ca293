import { readJson, utf8 } from '@mintmark/core/bytes'
import { writeConfiguration } from '@mintmark/core/rules'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { findFault } from '../src/words/json-text.ts'

/** Whether the platform takes it as the configuration of a request. */
function isTaken(text: string): boolean {
  try {
    const { configuration } = readJson(utf8(`{"configuration":${text}}`)) as { configuration: never }
    writeConfiguration({ inside: configuration })
    return true
  } catch {
    return false
  }
}

describe('a fault', () => {
  test.each([
    ['', 1, 1, 'A value is missing at the end.'],
    ['{"a": 1,}', 1, 9, 'After the last comma something is due, or no comma.'],
    ['{"a": 1\n "b": 2}', 2, 2, 'A comma or } is due here.'],
    ['{"a": [1, 2}', 1, 12, 'A comma or ] is due here.'],
    ['{\n  "a": {\n    "b": 1\n', 2, 8, 'This is not closed: } is missing.'],
    ["{'a': 1}", 1, 2, 'A name in double quotes is due here.'],
    ['{a: 1}', 1, 2, 'A name in double quotes is due here.'],
    ['{"a" 1}', 1, 6, 'A colon is due after the name.'],
    ['{"a": \'b\'}', 1, 7, 'Texts stand in double quotes.'],
    ['{"a": 1, "a": 2}', 1, 10, 'The name "a" stands here a second time.'],
    ['{"a": 1, "\\u0061": 2}', 1, 10, 'The name "a" stands here a second time.'],
    ['{"__proto__": 1}', 1, 2, 'The name __proto__ is not taken.'],
    ['{"a": 01}', 1, 8, 'This is no JSON number or word.'],
    ['{"a": truer}', 1, 11, 'This is no JSON number or word.'],
    [
      '{"a": NaN}',
      1,
      7,
      'A value is due here: an object, a list, a text in double quotes, a number, true, false or null.',
    ],
    ['{"a": "b}', 1, 7, 'This text has no closing quote.'],
    ['{"a": "b\tc"}', 1, 9, 'A control character has to be written with a backslash.'],
    ['{"a": "\\x"}', 1, 8, 'A backslash and what follows it here mean nothing.'],
    ['{"a": "\\ud800"}', 1, 7, 'This text has half of a character in it.'],
    ['{"a": 9007199254740992}', 1, 7, 'This number is more than every reader can count. Write it as a text.'],
    ['{"a": 1e999}', 1, 7, 'This number is more than every reader can count. Write it as a text.'],
    ['{} {}', 1, 4, 'Nothing may follow after the end of the value.'],
    [
      '\ufeff{}',
      1,
      1,
      'A value is due here: an object, a list, a text in double quotes, a number, true, false or null.',
    ],
    [`${'['.repeat(32)}${']'.repeat(32)}`, 1, 32, 'Deeper than 31.'],
  ])('in %j is at line %i, column %i', (text, line, column, why) => {
    expect(findFault(text)).toMatchObject({ line, column, why })
    expect(isTaken(text)).toBe(false)
  })

  test('is found where the platform would refuse, and nowhere else', () => {
    const pieces = [
      '{',
      '}',
      '[',
      ']',
      ':',
      ',',
      '"a"',
      '"b"',
      '1',
      '-0.5e3',
      'true',
      'null',
      ' ',
      '\n',
      '\\',
      '"',
      '\u0001',
      '9e15',
      '9e16',
    ]
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...pieces), { maxLength: 12 }), parts => {
        const text = parts.join('')
        expect(findFault(text) === undefined).toBe(isTaken(text))
      }),
      { numRuns: 3_000 },
    )
  })

  test('is in no JSON that a program wrote', () => {
    const counted = fc.jsonValue({ maxDepth: 6 }).filter(value => isTaken(JSON.stringify(value)))
    fc.assert(
      fc.property(counted, value => {
        expect(findFault(JSON.stringify(value, undefined, 2))).toBeUndefined()
      }),
    )
  })
})
