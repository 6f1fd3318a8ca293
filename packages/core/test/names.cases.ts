import {
  coversName,
  type FullName,
  path,
  readDomain,
  readFleetName,
  readName,
  readNamePattern,
  readPath,
  readSpiffeId,
  spiffeId,
} from '../src/names/index.ts'
import { refuses, same, suite } from './portable.ts'

export const names = suite('names')

const domain = 'example.test'

/** Texts that no reader of a name takes. */
const lookAlikes: Readonly<Record<string, string>> = {
  'a Cyrillic letter': 'dеvice',
  'a Greek letter': 'devιce',
  'full-width letters': 'ｄevice',
  'an accent in one character (NFC)': 'dévice',
  'an accent of its own (NFD)': 'de\u0301vice',
  'a ligature': 'ﬁeld',
  'a dotless i': 'devıce',
  'the Kelvin sign': '\u212aevin',
  'a long s': '\u017fensor',
  'Arabic digits': 'device-١',
  'a right-to-left override': 'dev\u202eeci',
  'a right-to-left mark': 'device\u200f',
  'a zero-width space': 'dev\u200bice',
  'a zero-width joiner': 'dev\u200dice',
  'a soft hyphen': 'dev\u00adice',
  'a byte order mark': '\ufeffdevice',
  'a non-breaking hyphen': 'device\u2011104',
  'an ideographic full stop': 'device。x',
  'a lone surrogate': 'dev\ud800ice',
  'an astral letter': '\u{1d41d}evice',
  'upper case': 'Device',
  'all upper case': 'DEVICE',
  nothing: '',
  'a space': 'device 104',
  'a space in front': ' device',
  'a space behind': 'device ',
  'a line feed behind': 'device\n',
  'a carriage return': 'device\r',
  'a line inside': 'device\nadmin',
  NUL: 'device\0',
  'an escape': 'dev\u001b[31mice',
  'a slash': 'acme/device',
  'a backslash': 'acme\\device',
  'a percent sign': 'dev%69ce',
  'a plus sign': 'a+b',
  'a colon': 'a:b',
  'an at sign': 'a@b',
  'a quote': "a'b",
  'two quotes': 'a"b',
  'a comma': 'a,b',
  'an equals sign': '=cmd()',
  'an angle bracket': '<script>',
  'two dots': '..',
  'a path': '../x',
  'a star': 'sensor-*',
  'a hyphen in front': '-device',
  'a hyphen only': '-',
  __proto__in: '__proto__',
}

for (const [what, text] of Object.entries(lookAlikes)) {
  names.test(`no name, fleet or domain with ${what}`, async () => {
    await refuses('bad-name', () => readName(text))
    await refuses('bad-fleet', () => readFleetName(text))
    await refuses('bad-domain', () => readDomain(`${text}.test`))
    await refuses('bad-domain', () => readDomain(`example.${text}`))
    await refuses('bad-identity', () => readPath(`acme/device/${text}`))
    await refuses('bad-identity', () => readPath(`${text}/device/x`))
    await refuses('bad-identity', () => readPath(`platform/operator/${text}`))
    await refuses('bad-identity', () => readSpiffeId(domain, `spiffe://acme.${domain}/device/${text}`))
    await refuses('bad-identity', () => readSpiffeId(domain, `spiffe://${text}.${domain}/device/x`))
    await refuses('bad-identity', () => readSpiffeId(domain, `spiffe://acme.${text}/device/x`))
    if (text !== 'sensor-*') await refuses('bad-name', () => readNamePattern(text))
  })
}

names.test('takes device names of 1 to 64 characters, counted on the name itself', async () => {
  for (const text of ['a', '0', 'device-104', 'a.b', 'a_b', 'a-', 'a.', 'a..b', 'd-ab2', 'xn--a', 'a'.repeat(64)]) {
    same(readName(text), text)
  }
  await refuses('bad-name', () => readName('a'.repeat(65)))
  await refuses('bad-name', () => readName('a'.repeat(100_000)))
  for (const text of ['.a', '_a', '-a', '.', '..']) await refuses('bad-name', () => readName(text))
})

names.test('takes names that JavaScript knows as names like any other', () => {
  for (const text of [
    'constructor',
    'prototype',
    'tostring',
    'valueof',
    'hasownproperty',
    'null',
    'undefined',
    'nan',
  ]) {
    same(readName(text), text)
    same(readFleetName(text), text)
    same(readPath(`${text}/device/${text}`), { fleet: text, role: 'device', name: text })
  }
})

names.test('does not take a word that JavaScript knows for a role', async () => {
  for (const role of ['constructor', 'tostring', 'length', '0', 'includes', '']) {
    await refuses('bad-identity', () => readPath(`acme/${role}/x`))
    await refuses('bad-identity', () => readPath(`platform/${role}`))
    await refuses('bad-identity', () => readPath(`platform/${role}/x`))
  }
})

names.test('takes fleet names that are DNS labels of 1 to 63 characters', async () => {
  for (const text of ['a', '0', 'acme', 'a-b', 'a--b', '104', 'a'.repeat(63), 'platforms', 'xn-a']) {
    same(readFleetName(text), text)
  }
  for (const text of ['a'.repeat(64), 'a-', '-a', '-', 'a.b', 'a_b', 'a*']) {
    await refuses('bad-fleet', () => readFleetName(text))
  }
})

names.test('refuses reserved fleet names and A-labels', async () => {
  for (const text of ['platform', 'xn--cme-5cd', 'xn--', 'xn--a']) {
    await refuses('bad-fleet', () => readFleetName(text))
    await refuses('bad-identity', () => readPath(`${text}/device/x`))
  }
})

names.test('takes domains of two or more labels that leave room for a fleet', async () => {
  const label = 'a'.repeat(63)
  const longest = `${label}.${label}.${'a'.repeat(61)}`
  for (const text of ['example.test', 'a.b', 'mint.internal', 'a.b.c.d.e', longest]) same(readDomain(text), text)
  same(`${label}.${longest}`.length, 253)
  const wrong = [
    'test',
    'example.test.',
    '.example.test',
    'example..test',
    'a_b.test',
    'xn--e1afmkfd.test',
    'a.xn--p1ai',
    `${'a'.repeat(64)}.test`,
    `${label}.${label}.${'a'.repeat(62)}`,
    'example.test:443',
    'example.test/',
    '[::1]',
  ]
  for (const text of wrong) await refuses('bad-domain', () => readDomain(text))
})

const spelled: readonly (readonly [string, FullName])[] = [
  ['spiffe://acme.example.test/device/device-104', { fleet: 'acme', role: 'device', name: 'device-104' }],
  ['spiffe://acme.example.test/station/post-1', { fleet: 'acme', role: 'station', name: 'post-1' }],
  ['spiffe://acme.example.test/root/home', { fleet: 'acme', role: 'root', name: 'home' }],
  ['spiffe://platform.example.test/operator/ann', { fleet: 'platform', role: 'operator', name: 'ann' }],
  ['spiffe://platform.example.test/gateway/gw-1', { fleet: 'platform', role: 'gateway', name: 'gw-1' }],
  ['spiffe://platform.example.test/server', { fleet: 'platform', role: 'server', name: '' }],
  ['spiffe://platform.example.test/notice', { fleet: 'platform', role: 'notice', name: '' }],
]

names.test('reads every SPIFFE ID that it writes, and every path', () => {
  for (const [text, name] of spelled) {
    same(spiffeId(domain, name), text)
    same(readSpiffeId(domain, text), name)
    same(readPath(path(name)), name)
    same(path(name), text.slice('spiffe://'.length).replace('.example.test', ''))
  }
  const longest: FullName = { fleet: 'a'.repeat(63), role: 'device', name: 'b'.repeat(64) }
  same(readSpiffeId(domain, spiffeId(domain, longest)), longest)
})

names.test('reads no SPIFFE ID with a character gone or turned into one of another kind', async () => {
  for (const [text] of spelled) {
    for (let at = 0; at < text.length; at++) {
      for (const other of [
        '',
        '/',
        ':',
        '@',
        '?',
        '#',
        '%',
        '\\',
        '\0',
        '\n',
        ' ',
        'A',
        '*',
        'é',
        '//',
        '/./',
        '%2f',
      ]) {
        const changed = text.slice(0, at) + other + text.slice(at + 1)
        if (changed === text || isStillOne(changed)) continue
        await refuses('bad-identity', () => readSpiffeId(domain, changed))
      }
    }
  }
})

/** With a letter gone it may be another good one. */
function isStillOne(text: string): boolean {
  return /^spiffe:\/\/[a-z]+\.example\.test\/(?:(?:device|station|root|operator|gateway)\/[a-z0-9-]+|server|notice)$/.test(
    text,
  )
}

names.test('reads a SPIFFE ID under its own domain only', async () => {
  const text = 'spiffe://acme.example.test/device/x'
  same(readSpiffeId('example.test', text).fleet, 'acme')
  for (const other of [
    'test',
    'xample.test',
    'acme.example.test',
    'example.tes',
    'example.test.',
    'EXAMPLE.TEST',
    '',
  ]) {
    await refuses('bad-identity', () => readSpiffeId(other, text))
  }
  // The fleet is one label: nothing of it may be the domain's, nothing of the domain the fleet's.
  await refuses('bad-identity', () => readSpiffeId('example.test', 'spiffe://a.b.example.test/device/x'))
  await refuses('bad-identity', () => readSpiffeId('example.test', 'spiffe://example.test/device/x'))
  // A domain of another form than `readDomain` gives takes nothing either, least of all as a pattern.
  await refuses('bad-identity', () => readSpiffeId('example.tes.', text))
  await refuses('bad-identity', () => readSpiffeId('.*', text))
})

names.test('refuses names of roles that exist once, and roles of the wrong trust domain', async () => {
  const wrong = [
    'platform/server/x',
    'platform/server/',
    'platform/notice/x',
    'platform/device/x',
    'platform/station/x',
    'platform/root/x',
    'platform/operator',
    'platform/operator/',
    'acme/server',
    'acme/notice',
    'acme/operator/x',
    'acme/gateway/x',
    'acme/device',
    'acme/device/',
    'acme/device/x/',
    'acme/device/x/y',
    'acme//x',
    '/device/x',
    'acme',
    '',
    '/',
    '//',
    '///',
  ]
  for (const text of wrong) await refuses('bad-identity', () => readPath(text))
})

names.test('takes name patterns with one star', async () => {
  for (const text of ['*', 'a*', '*a', 'sensor-*', 'a*b', 'device-104', '*-x', '*.x', `${'a'.repeat(63)}*`]) {
    same(readNamePattern(text), text)
  }
  for (const text of ['**', '*a*', '-*', '.*', '_*', 'A*', '*A', 'a?', '[a]*', `${'a'.repeat(64)}*`, 'a'.repeat(65)]) {
    await refuses('bad-name', () => readNamePattern(text))
  }
})

names.test('covers by exact characters around the star, which stands for one or more', () => {
  const table: readonly (readonly [string, string, boolean])[] = [
    ['*', 'a', true],
    ['*', 'a'.repeat(64), true],
    ['sensor-*', 'sensor-1', true],
    ['sensor-*', 'sensor-', false],
    ['sensor-*', 'sensor', false],
    ['sensor-*', 'sensors-1', false],
    ['sensor-*', 'xsensor-1', false],
    ['sensor-*', 'Sensor-1', false],
    ['a*a', 'a', false],
    ['a*a', 'aa', false],
    ['a*a', 'aba', true],
    ['ab*bc', 'abc', false],
    ['ab*bc', 'abbc', false],
    ['ab*bc', 'abxbc', true],
    ['*-x', 'a-x', true],
    ['*-x', '-x', false],
    // A dot is a dot, and not any character.
    ['a.b', 'a.b', true],
    ['a.b', 'axb', false],
    ['a.*', 'axb', false],
    ['a.*', 'a.b', true],
    ['device-104', 'device-104', true],
    ['device-104', 'device-1040', false],
    ['device-104', 'device-10', false],
    [`${'a'.repeat(63)}*`, 'a'.repeat(64), true],
    [`${'a'.repeat(63)}*`, 'a'.repeat(63), false],
  ]
  for (const [pattern, name, covered] of table)
    same([pattern, name, coversName(pattern, name)], [pattern, name, covered])
})
