import { type Json, readJson, utf8, writeJson } from '../src/bytes/index.ts'
import {
  configTargets,
  effectiveText,
  labelsOf,
  mergePatch,
  readConfigTarget,
  readLabel,
  readLabelChange,
  readLabelText,
  relabel,
  writeConfiguration,
  writeLabelChange,
  writeLabels,
} from '../src/rules/index.ts'
import { ok, refuses, same, suite } from './portable.ts'

export const settings = suite('settings')

const parse = (text: string): Json => readJson(utf8(text))
const merged = (target: string, patch: string): string => writeJson(mergePatch(parse(target), parse(patch)))

// RFC 7396 appendix A, as it stands there: original, patch, result.
const examples: readonly (readonly [string, string, string])[] = [
  ['{"a":"b"}', '{"a":"c"}', '{"a":"c"}'],
  ['{"a":"b"}', '{"b":"c"}', '{"a":"b","b":"c"}'],
  ['{"a":"b"}', '{"a":null}', '{}'],
  ['{"a":"b","b":"c"}', '{"a":null}', '{"b":"c"}'],
  ['{"a":["b"]}', '{"a":"c"}', '{"a":"c"}'],
  ['{"a":"c"}', '{"a":["b"]}', '{"a":["b"]}'],
  ['{"a":{"b":"c"}}', '{"a":{"b":"d","c":null}}', '{"a":{"b":"d"}}'],
  ['{"a":[{"b":"c"}]}', '{"a":[1]}', '{"a":[1]}'],
  ['["a","b"]', '["c","d"]', '["c","d"]'],
  ['{"a":"b"}', '["c"]', '["c"]'],
  ['{"a":"foo"}', 'null', 'null'],
  ['{"a":"foo"}', '"bar"', '"bar"'],
  ['{"e":null}', '{"a":1}', '{"a":1,"e":null}'],
  ['[1,2]', '{"a":"b","c":null}', '{"a":"b"}'],
  ['{}', '{"a":{"bb":{"ccc":null}}}', '{"a":{"bb":{}}}'],
]
for (const [target, patch, result] of examples) {
  settings.test(`RFC 7396: ${patch} on ${target}`, () => same(merged(target, patch), result))
}

settings.test('merging reaches no prototype, whatever the names', () => {
  const hostile = '{"constructor":{"prototype":{"isAdmin":true}},"prototype":1,"toString":{"a":1},"hasOwnProperty":2}'
  same(
    merged('{"toString":{"b":2}}', hostile),
    writeJson({ ...(parse(hostile) as object), toString: { a: 1, b: 2 } } as Json),
  )
  // readJson lets no such name in; merging would make it a property like any other.
  const made = mergePatch({}, JSON.parse('{"__proto__":{"isAdmin":true}}') as Json) as Record<string, unknown>
  same(
    [Object.keys(made), made.isAdmin, Object.getPrototypeOf(made) === Object.prototype],
    [['__proto__'], undefined, true],
  )
  same(({} as Record<string, unknown>).isAdmin, undefined)
})

settings.test('what a device reads is merged in order: fleet, labels by their text, device', () => {
  same(configTargets('d', labelsOf('floor=3 site=berlin')), ['fleet', 'label:floor=3', 'label:site=berlin', 'device:d'])
  same(
    configTargets(
      'd',
      new Map([
        ['b', '1'],
        ['a', '2'],
      ]),
    ),
    ['fleet', 'label:a=2', 'label:b=1', 'device:d'],
  )
  same(effectiveText([]), '{}')
  const layers = ['{"rate":1,"log":{"level":"info"}}', '{"rate":2}', '{"log":{"level":null,"to":"b"}}'].map(parse)
  same(effectiveText(layers), '{"log":{"to":"b"},"rate":2}')
  same(effectiveText([parse('{"a":null}')]), '{}')
})

settings.test('a value has one text, as RFC 8785 writes it', () => {
  // RFC 8785 3.2.3 and 3.2.2.
  const text =
    '{"\\u20ac":"Euro Sign","\\r":"Carriage Return","\\ufb33":"Hebrew","1":"One","\\ud83d\\ude00":"Emoji","\\u0080":"Control","\\u00f6":"Umlaut"}'
  const names = Object.keys(parse(writeJson(parse(text))) as object).filter(name => name !== '1')
  same(names, ['\r', '\u0080', '\u00f6', '\u20ac', '\u{1f600}', '\ufb33'])
  same(
    writeJson(parse(' { "b" : [ 1.0 , 1e2 , -0 , 0.002 ] , "a" : "\\u000a\\u20AC" } ')),
    '{"a":"\\n\u20ac","b":[1,100,0,0.002]}',
  )
})

settings.test('what would not arrive as it was sent is no configuration', async () => {
  for (const text of ['[]', '1', '"a"', 'null', 'true'])
    await refuses('bad-json', () => writeConfiguration(parse(text)))
  for (const number of ['9007199254740992', '9007199254740993', '-1e400', '1e400', '1e300']) {
    await refuses('bad-number', () => writeConfiguration(parse(`{"a":[{"b":${number}}]}`)))
  }
  await refuses('bad-json', () => writeConfiguration(parse('{"a":"\\ud800"}')))
  await refuses('bad-json', () => writeConfiguration(parse('{"\\udc00":1}')))
  same(writeConfiguration(parse('{"a":9007199254740991}')), '{"a":9007199254740991}')
  const long = (length: number) => ({ a: 'x'.repeat(length - '{"a":""}'.length) })
  same(writeConfiguration(long(32_768)).length, 32_768)
  await refuses('too-large', () => writeConfiguration(long(32_769)))
  await refuses('too-large', () => writeConfiguration({ a: '\u20ac'.repeat(11_000) }))
})

const targets = [
  'fleet',
  'label:site=berlin',
  'device:device-104',
  'device:fleet',
  'label:a=b=c',
  'label:a',
  'device:',
  'device:A',
]
const bad = [
  '',
  'Fleet',
  'fleet:',
  'fleet:acme',
  'label',
  'device',
  'station:a',
  'device:a:b',
  'label:site=berlin:x',
  ' fleet',
  '__proto__',
]
settings.test('a configuration is for a fleet, a label or a device', async () => {
  for (const text of targets.slice(0, 4)) same(readConfigTarget(text), text)
  for (const text of ['label:a=b=c', 'label:a', 'label:=']) await refuses('bad-label', () => readConfigTarget(text))
  for (const text of ['device:', 'device:A', 'device:../x']) await refuses('bad-name', () => readConfigTarget(text))
  for (const text of bad) await refuses('bad-request', () => readConfigTarget(text))
})

settings.test('a label is a key and a value', async () => {
  for (const text of ['a=0', 'site=berlin', 'constructor=1', `${'k'.repeat(32)}=${'v'.repeat(64)}`, 'a-1=0.9_x-']) {
    same(readLabel(text).join('='), text)
  }
  const none = ['', '=', 'a', 'a=', '=b', 'a=b=c', 'A=b', 'a=B', '1=b', '-a=b', '_a=b', 'a =b', 'a= b', 'a=b ', 'a=b\n']
  const injections = [
    "a='",
    'a=%',
    '%=b',
    'a=b--',
    'a=_b',
    '__proto__=b',
    'a=b;c',
    'a="b"',
    'a=<b>',
    'a=\u00e4',
    'a=\u202eb',
    'a=-b',
  ]
  const long = [`${'k'.repeat(33)}=v`, `k=${'v'.repeat(65)}`]
  for (const text of [...none, ...injections.filter(text => text !== 'a=b--'), ...long]) {
    await refuses('bad-label', () => readLabel(text))
  }
})

settings.test('a change of labels has one text', async () => {
  const text = 'floor=3 -site zone=b'
  same(writeLabelChange(readLabelChange(['zone=b', '-site', 'floor=3'])), text)
  same(writeLabelChange(readLabelText(text)), text)
  for (const other of ['zone=b floor=3', 'a=b  c=d', ' a=b', 'a=b ', 'a=b a=c', 'a=b -a', '', '-', '--a', 'a=b\nc=d']) {
    await refuses('bad-label', () => readLabelText(other))
  }
  await refuses('bad-label', () => readLabelChange([]))
  await refuses('bad-label', () => readLabelChange(['a=b', 'a=b']))
  const many = (count: number) => Array.from({ length: count }, (_, i) => `k${i}=${'v'.repeat(60)}`)
  same(readLabelChange(many(15)).size, 15)
  await refuses('bad-label', () => readLabelChange(many(16)))
  await refuses('bad-label', () => readLabelChange(many(10_000)))
})

settings.test('labels are changed one by one, and a device has at most 16', async () => {
  const before = labelsOf('floor=3 site=berlin')
  same(writeLabels(relabel(before, readLabelText('-floor site=bonn zone=b'))), 'site=bonn zone=b')
  same(writeLabels(relabel(before, readLabelText('-nothing'))), 'floor=3 site=berlin')
  same([writeLabels(labelsOf('')), labelsOf('').size], ['', 0])
  const full = labelsOf(Array.from({ length: 16 }, (_, i) => `k${i}=v`).join(' '))
  same(relabel(full, readLabelText('k0=w')).size, 16)
  same(relabel(full, readLabelText('-k0 x=v')).size, 16)
  await refuses('too-many-labels', () => relabel(full, readLabelText('x=v')))
  ok(!('isAdmin' in relabel(full, readLabelText('constructor=v -k0'))), 'a map')
})
