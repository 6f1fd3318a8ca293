import { type Json, readJson, utf8, writeJson } from '@mintmark/core/bytes'
import { effectiveText, mergePatch } from '@mintmark/core/rules'
import fc from 'fast-check'
import { expect, test } from 'vitest'

// Properties of merging configurations, on any JSON. RFC 7396's own examples are with the tests of core.

const name = fc.oneof(
  fc.constantFrom('a', 'b', 'c', 'constructor', 'toString', 'length', '0'),
  fc.string({ maxLength: 4 }),
)
const { value, object } = fc.letrec<{ value: Json; object: Record<string, Json> }>(tie => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom<Json>(null, true, 0, 1.5, '', 'x', -0),
    fc.array(tie('value'), { maxLength: 3 }),
    tie('object'),
  ),
  // As readJson gives them: own properties of a plain object, and none that reaches its prototype.
  object: fc
    .array(fc.tuple(name, tie('value')), { maxLength: 4 })
    .map(pairs => Object.fromEntries(pairs.filter(([key]) => key !== '__proto__' && key.isWellFormed()))),
}))

/** The algorithm of RFC 7396, 2, on texts: as it stands there, and slow. */
function byTheBook(target: Json | undefined, patch: Json): Json {
  const isObject = (json: Json | undefined): json is { [name: string]: Json } =>
    typeof json === 'object' && json !== null && !Array.isArray(json)
  if (!isObject(patch)) return patch
  const result: Record<string, Json> = Object.assign(Object.create(null), isObject(target) ? target : {})
  for (const key of Object.keys(patch)) {
    if (patch[key] === null) delete result[key]
    else result[key] = byTheBook(result[key], patch[key]!)
  }
  return { ...result }
}

const text = (json: Json): string => writeJson(json)

test('it is what the RFC says', () => {
  fc.assert(fc.property(value, value, (a, b) => text(mergePatch(a, b)) === text(byTheBook(a, b))))
})

test('once more changes nothing', () => {
  fc.assert(fc.property(value, value, (a, b) => text(mergePatch(mergePatch(a, b), b)) === text(mergePatch(a, b))))
})

test('nothing is a patch that changes nothing', () => {
  fc.assert(fc.property(object, a => text(mergePatch(a, {})) === text(a)))
})

test('neither side is changed by it', () => {
  fc.assert(
    fc.property(value, value, (a, b) => {
      const [before, after] = [text(a), text(b)]
      mergePatch(a, b)
      return text(a) === before && text(b) === after
    }),
  )
})

test('what a device reads has no null in an object, is read as it was written, and has one text', () => {
  const hasNull = (json: Json): boolean =>
    typeof json === 'object' && json !== null && !Array.isArray(json)
      ? Object.values(json).some(each => each === null || hasNull(each))
      : false
  fc.assert(
    fc.property(fc.array(object, { maxLength: 5 }), layers => {
      const merged = effectiveText(layers)
      const read = readJson(utf8(merged))
      expect(hasNull(read)).toBe(false)
      return text(read) === merged
    }),
  )
})

test('reaches no prototype', () => {
  fc.assert(
    fc.property(value, value, (a, b) => {
      mergePatch(a, b)
      return Object.keys(Object.prototype).length === 0 && !('polluted' in {})
    }),
  )
  mergePatch(
    JSON.parse('{"__proto__":{"polluted":1}}'),
    JSON.parse('{"__proto__":{"polluted":2},"constructor":{"prototype":{"polluted":3}}}'),
  )
  expect('polluted' in {}).toBe(false)
})
