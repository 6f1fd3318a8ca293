import { base64url, readBase64url, readUtf8, utf8 } from '@mintmark/core/bytes'

// A JWS whose JSON keeps how it is spelled: names and values are texts.

export interface Jws {
  header: [name: string, value: string][]
  claims: [name: string, value: string][]
  /** Stands between the members. */
  blank: string
  /** What is done to each part's base64url, and to the whole. */
  respelled: ((text: string) => string)[]
  whole: (text: string) => string
}

export interface Edit {
  readonly where: number
  readonly how: number
  readonly pick: number
}

export function parse(text: string): Jws {
  const [header = '', claims = ''] = text.split('.')
  const members = (part: string): [string, string][] =>
    Object.entries(JSON.parse(readUtf8(readBase64url(part))) as object).map(([name, value]) => [
      JSON.stringify(name),
      JSON.stringify(value),
    ])
  const same = (part: string): string => part
  return {
    ...{ header: members(header), claims: members(claims), blank: '', respelled: [same, same, same], whole: same },
  }
}

/** @param sign gives the signature over what is signed, as it is spelled */
export function spell(jws: Jws, sign: (signed: string) => Uint8Array): Uint8Array {
  const [first, second, third] = jws.respelled as [Respell, Respell, Respell]
  const part = (members: Jws['header']): string =>
    base64url(Buffer.from(`{${jws.blank}${members.map(each => each.join(`${jws.blank}:`)).join(`,${jws.blank}`)}}`))
  const signed = `${first(part(jws.header))}.${second(part(jws.claims))}`
  const text = jws.whole(`${signed}.${third(base64url(sign(signed)))}`)
  return Uint8Array.from(Buffer.from(text))
}

type Respell = (text: string) => string

const values = [
  ...['0', '-0', '1.0', '1e3', '1e400', '-1', '0.5', '9007199254740991', '9007199254740992', '9007199254740993', '01'],
  ...['null', 'true', '""', '"\\ud800"', '"\\u0000"', '[]', '{}', '["did:web:a"]', 'NaN', '1767225600', '"1767225600"'],
  ...[
    '[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]',
    '"none"',
    '"HS256"',
    '"ES256"',
    '"EdDSA"',
  ],
]
const names = [
  ...['exp', 'nbf', 'sub', 'crit', 'b64', 'jwk', 'jku', 'x5u', 'x5c', 'cnf', '__proto__', 'constructor', 'toString'],
  ...['iss', 'obo', 'seq', 'ms', 'cty', 'sealed', 'aud', 'kid', 'AUD', 'aud ', ''],
]
const known = [
  new Set(['alg', 'kid', 'typ']),
  new Set(['iss', 'aud', 'iat', 'ms', 'jti', 'scope', 'seq', 'obo', 'cty', 'sealed', 'digest']),
]

/** Whether a name is there twice, or is none of ours: no reader may take it, whatever else it is. */
export const isOdd = ({ header, claims }: Jws): boolean =>
  [header, claims].some((members, part) => {
    const names = members.map(([name]) => readName(name))
    return new Set(names).size < names.length || names.some(name => !known[part]!.has(name))
  })

function readName(json: string): string {
  try {
    return JSON.parse(json) as string
  } catch {
    return json
  }
}

/** Changes one thing, in place. */
export function edit(jws: Jws, { where, how, pick }: Edit): void {
  const members = where % 3 === 0 ? jws.header : jws.claims
  const at = (where >> 2) % Math.max(1, members.length)
  const member = members[at]
  if (member === undefined) return
  switch (how % 12) {
    case 0:
      jws.blank = [' ', '\n', '\t\r\n', '\u00a0', '\ufeff', '/**/'][pick % 6]!
      return
    case 1:
      members.push(members.shift()!)
      return
    case 2:
      // The same name once more, in one of its spellings.
      members.push([pick % 2 === 0 ? member[0] : escaped(member[0]), member[1]])
      return
    case 3:
      members.splice(at, 1)
      return
    case 4: {
      const name = names[pick % names.length]!
      members.push([JSON.stringify(name), values[(pick >> 3) % values.length]!])
      return
    }
    case 5:
      member[1] = values[pick % values.length]!
      return
    case 6:
      member[0] = escaped(member[0])
      return
    case 7:
      member[1] = escaped(member[1])
      return
    case 8:
      jws.respelled[where % 3] = [
        (text: string) => `${text}=`,
        (text: string) => text.replaceAll('-', '+').replaceAll('_', '/'),
        (text: string) => `${text.slice(0, 5)}\n${text.slice(5)}`,
        (text: string) => `${text} `,
        (text: string) => padBits(text),
        (text: string) => text.slice(0, -1),
      ][pick % 6]!
      return
    case 9:
      jws.whole = [
        (text: string) => `${text}.`,
        (text: string) => `.${text}`,
        (text: string) => `\ufeff${text}`,
        (text: string) => text.slice(0, pick % (text.length + 1)),
        (text: string) => text.split('.').slice(0, 2).join('.'),
        (text: string) => `${text.split('.').slice(0, 2).join('.')}.`,
        (text: string) => `${text}~`,
      ][pick % 7]!
      return
    case 10:
      member[1] = changed(member[1], pick)
      return
    default:
      member[0] = changed(member[0], pick)
  }
}

/** Each letter by its number where the pick says so; JSON reads the same. */
const escaped = (json: string): string =>
  json.startsWith('"') ? json.replace(/[a-z]/, letter => `\\u00${letter.charCodeAt(0).toString(16)}`) : json

function changed(json: string, pick: number): string {
  const at = 1 + (pick % Math.max(1, json.length - 1))
  const more = ['A', ' ', '.', '\\u0000', 'é', '%', '\ud800', '"'][pick % 8]!
  return `${json.slice(0, at)}${more}${json.slice(at + ((pick >> 3) % 2))}`
}

/** The last character with other bits that mean nothing, where it has any. */
function padBits(text: string): string {
  const bits = (text.length * 6) % 8
  if (bits === 0) return `${text}=`
  const alphabet = base64url(utf8('')).concat('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_')
  return text.slice(0, -1) + alphabet[alphabet.indexOf(text.at(-1)!) ^ 1]!
}
