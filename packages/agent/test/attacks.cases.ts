import { base64url, type Cbor, concat, hex, readHex, readUtf8, sha256, utf8 } from '@mintmark/core/bytes'
import { type Code, Refused } from '@mintmark/core/errors'
import { didKey } from '@mintmark/core/keys'
import { readEnvelope, readMessage, writeCoseEnvelope, writeJwsEnvelope, writeMessage } from '@mintmark/core/signed'
import { ok, refuses, same, suite } from '../../core/test/portable.ts'
import { Agent, MemoryNonceStore, MemoryTrustRegistry, makeKey, type NonceStore } from '../src/index.ts'
import { body, type Fields, ForeignSender, type Labels, scene, scope } from './foreign-sender.ts'

// What must be refused of a message, a row each, on every runtime. Other rows, and other halves of these:
//
// | row | what is sent | also in |
// |---|---|---|
// | E65 | the same again | nonces/conformance, redis-faults, postgres-faults; journeys/attacks/messages, journeys/processes/messages |
// | E66 | another time | receive; journeys/attacks/messages |
// | E67 | another nonce | here |
// | E68 | the nonce of somebody else, a flood | nonces/conformance |
// | E69 | after the clock was set back | receive, nonces/conformance |
// | E70 | to a full store; a Redis that evicts | nonces/conformance, redis-faults |
// | E71, E72 | with a field exchanged, to somebody else | receive; journeys/attacks/messages |
// | E73, E74 | with two readings | core/test/envelope, journeys/faults/envelopes |
// | E75 | a signature at an edge | edges |
// | E76 | another algorithm | receive, edges |
// | E77 | as a token of another kind | here |
// | E78, E79 | by another DID, by a document | did-web, did-web-guard, leases |
// | E80 | for a scope that looks like one | core/test/scope |
// | E81 | for a device behind another | receive, registry |
// | K121 | while the clock steps | nonces/conformance |
// | K123 | to a store that lost its end | redis-faults, postgres-faults |

export const attacks = suite('attacks')
const forms = ['cose', 'jws'] as const

type Scene = Awaited<ReturnType<typeof scene>>

/** All of these are refused with this code, and a message as it should be is accepted then. */
async function refused(code: Code, { server, sender }: Scene, messages: Readonly<Record<string, Uint8Array>>) {
  for (const [what, message] of Object.entries(messages)) {
    await refuses(code, () => server.receive(message)).catch(cause => {
      throw new Error(`${what}: ${cause.message}`, { cause })
    })
  }
  same((await server.receive(await sender.jws())).from, sender.did)
}

const codeOf = async (asked: Promise<unknown>): Promise<string> => {
  try {
    await asked
    return 'accepted'
  } catch (error) {
    if (error instanceof Refused) return error.code
    throw error
  }
}

/** One message of each of these, by its title. */
async function each<T>(all: Readonly<Record<string, T>>, write: (one: T) => Promise<Uint8Array>) {
  const messages: Record<string, Uint8Array> = {}
  for (const [title, one] of Object.entries(all)) messages[title] = await write(one)
  return messages
}

for (const form of forms) {
  attacks.test(
    `E65 the same message one after the other, 64 at once, and at two receivers with one store, ${form}`,
    async () => {
      const { clock, registry, sender } = await scene()
      const now = () => clock.at
      const nonces = new MemoryNonceStore({ now: () => clock.at - 60_000 })
      const audiences = [sender.to]
      const servers = [
        await Agent.create({ registry, now, nonces, audiences }),
        await Agent.create({ registry, now, nonces, audiences }),
      ]
      const sent = await sender[form]()
      const codes = await Promise.all(Array.from({ length: 64 }, (_, i) => codeOf(servers[i % 2]!.receive(sent))))
      same(codes.filter(code => code === 'accepted').length, 1)
      same(codes.filter(code => code === 'message-replayed').length, 63)
      for (const server of servers) await refuses('message-replayed', () => server.receive(sent))
    },
  )

  attacks.test(`E66 issued 31 seconds ago or ahead, and at the edges of the window, ${form}`, async () => {
    const { clock, server, sender } = await scene()
    const at = async (offset: number): Promise<string> => {
      const [second, rest] = [Math.floor((clock.at + offset) / 1_000), (clock.at + offset) % 1_000]
      const ms = rest === 0 ? undefined : rest
      const sent =
        form === 'jws'
          ? sender.jws({ iat: second, ms })
          : sender.cose([
              [6, second],
              [-70_001, ms],
            ])
      return codeOf(server.receive(await sent))
    }
    const found: string[] = []
    for (const offset of [-31_000, -30_001, -30_000, 5_000, 5_001, 30_000, 31_000]) found.push(await at(offset))
    const [old, early, good] = ['message-expired', 'message-early', 'accepted']
    same(found, [old, old, good, good, early, early, early])
  })
}

attacks.test('E66 a time that is no number, negative, beyond counting, in milliseconds, or text', async () => {
  const all = await scene()
  const { clock, sender } = all
  const second = clock.at / 1_000
  const texts = [
    '-1',
    '-0',
    '0.5',
    `${second}.5`,
    '1e400',
    '9007199254740993',
    'null',
    'true',
    `"${second}"`,
    '"2026-06-01T00:00:00Z"',
    `[${second}]`,
  ]
  const claims = JSON.stringify(sender.claims())
  const header = JSON.stringify({ alg: 'Ed25519', kid: sender.did, typ: 'mint+jwt' })
  const byText = (text: string) => sender.jwsOf(header, claims.replace(`"iat":${second}`, `"iat":${text}`))
  await refused('bad-envelope', all, await each(Object.fromEntries(texts.map(text => [text, text])), byText))
  for (const ms of [0, -1, 1_000, 0.5, '1']) await refused('bad-envelope', all, { ms: await sender.jws({ ms }) })
  const odd: Cbor[] = [-1, Number.MAX_SAFE_INTEGER, '2026-06-01T00:00:00Z', utf8('now'), true, null, [second]]
  for (const value of odd) await refused('bad-envelope', all, { cose: await sender.cose([[6, value]]) })
  for (const value of [0, -1, 1_000, '1'])
    await refused('bad-envelope', all, { ms: await sender.cose([[-70_001, value]]) })
  // Milliseconds where seconds are asked for are a time far away.
  await refused('message-early', all, {
    jws: await sender.jws({ iat: clock.at }),
    cose: await sender.cose([[6, clock.at]]),
  })
  await refused('bad-envelope', all, {
    none: await sender.jws({ iat: undefined }),
    cose: await sender.cose([[6, undefined]]),
  })
})

attacks.test('E67 a nonce of 0, 8, 15, 17 bytes, or spelled so that others read the same bytes', async () => {
  const all = await scene()
  const { sender } = all
  for (const length of [0, 8, 15, 17, 32]) {
    const nonce = new Uint8Array(length)
    await refused('bad-envelope', all, {
      jws: await sender.jws({ jti: base64url(nonce) }),
      cose: await sender.cose([[7, nonce]]),
    })
  }
  const nonce = readHex('fbeffffbeffffbefbefbefbefbefbe00')
  const text = base64url(nonce)
  const other = {
    'pad bits': `${text.slice(0, -1)}B`,
    padding: `${text}==`,
    alphabet: text.replaceAll('-', '+'),
    blank: ` ${text}`,
    'a line end': `${text}\n`,
    '64 in a 62': text.replaceAll('_', '/'),
  }
  await refused('bad-envelope', all, await each(other, jti => sender.jws({ jti })))
  await refused('bad-envelope', all, { text: await sender.cose([[7, text]]), number: await sender.jws({ jti: 7 }) })
  // What is spent is the bytes, whichever form they come in.
  same((await all.server.receive(await sender.jws({ jti: text }))).from, sender.did)
  await refused('message-replayed', all, { cose: await sender.cose([[7, nonce]]) })
})

attacks.test('E68 the nonce of another sender is free, and a sender that floods takes no room of others', async () => {
  const { clock, registry, sender } = await scene()
  const nonces = new MemoryNonceStore({ most: 100, mostOfOne: 10, now: () => clock.at - 60_000 })
  const server = await Agent.create({ registry, nonces, now: () => clock.at, audiences: [sender.to] })
  const other = new ForeignSender(await makeKey(), sender.to, () => clock.at)
  registry.register(other.did, { scopes: [scope] })
  const jti = base64url(new Uint8Array(16).fill(7))
  for (const each of [sender, other]) same((await server.receive(await each.jws({ jti }))).from, each.did)
  const first = await other.jws()
  await server.receive(first)
  for (let i = 1; i < 10; i++) await server.receive(await sender.cose())
  for (let i = 0; i < 50; i++) await refuses('nonces-full', async () => server.receive(await sender.cose()))
  await refuses('message-replayed', () => server.receive(first))
  same((await server.receive(await other.jws())).from, other.did)
})

attacks.test(
  'E69 a clock that is set back by a minute brings nothing back, within the window or after it',
  async () => {
    const { clock, server, sender } = await scene()
    const sent = await sender.cose()
    await server.receive(sent)
    for (const step of [40_000, 45_999, 46_001, 120_000]) {
      clock.at += step
      await codeOf(server.receive(await sender.jws()))
      clock.at -= step
      const code = await codeOf(server.receive(sent))
      ok(code === 'message-replayed' || code === 'message-expired', `${step}: ${code}`)
    }
  },
)

attacks.test('E70 a store that is full or cannot say refuses, and takes no more room', async () => {
  const { clock, registry, sender } = await scene()
  const options = { registry, now: () => clock.at, audiences: [sender.to] }
  const nonces = new MemoryNonceStore({ most: 5, mostOfOne: 5, now: () => clock.at - 60_000 })
  const full = await Agent.create({ ...options, nonces })
  for (let i = 0; i < 5; i++) await full.receive(await sender.cose())
  for (let i = 0; i < 20; i++) await refuses('nonces-full', async () => full.receive(await sender.jws()))
  same(nonces.size, 5)
  const away = (): never => {
    throw new Refused('unavailable')
  }
  const silent: NonceStore = { spend: away, advance: away }
  const server = await Agent.create({ ...options, nonces: silent })
  await refuses('unavailable', async () => server.receive(await sender.cose()))
})

attacks.test(
  'E71 a field that is exchanged under a signature: receiver, scope, time, nonce, type, algorithm, all others',
  async () => {
    const all = await scene({ devices: ['sensor-7'] })
    const { clock, sender, server } = all
    const { envelope } = readMessage(await sender.jws({ obo: 'sensor-7', cty: 'text/plain' }), 1_000)
    const [header = '', , signature = ''] = readUtf8(envelope.bytes).split('.')
    const good = JSON.parse(readUtf8(envelopeClaims(envelope.bytes))) as Fields
    const changes: Readonly<Record<string, Fields>> = {
      receiver: { aud: didKey((await makeKey()).publicKey) },
      scope: { scope: 'telemetry.other:write' },
      time: { iat: clock.at / 1_000 - 1 },
      milliseconds: { ms: 1 },
      nonce: { jti: base64url(new Uint8Array(16)) },
      content: { cty: 'text/html' },
      device: { obo: undefined },
      digest: { digest: base64url(sha256(utf8('another'))) },
      issuer: { iss: 'did:web:example.test' },
    }
    for (const [what, change] of Object.entries(changes)) {
      const claims = base64url(utf8(JSON.stringify({ ...good, ...change })))
      const bytes = utf8(`${header}.${claims}.${signature}`)
      const code = await codeOf(server.receive(writeMessage(bytes, body)))
      ok(code !== 'accepted', `${what}: ${code}`)
    }
    // Every bit of what COSE signs, and of its signature.
    const sent = await sender.cose()
    const { length } = readMessage(sent, 1_000).envelope.bytes
    for (let at = 0; at < length; at++) {
      const changed = Uint8Array.from(sent)
      changed[at]! ^= 1 << (at & 7)
      ok((await codeOf(server.receive(changed))) !== 'accepted', `byte ${at}`)
    }
    // Signed for another use: the context is part of what is signed.
    const said = { ...sender.claims() }
    const bare = await sender.key.sign(utf8(JSON.stringify(said)))
    const text = `${header}.${base64url(utf8(JSON.stringify(said)))}.${base64url(bare)}`
    await refused('envelope-signature', all, { bare: writeMessage(utf8(text), body) })
  },
)

function envelopeClaims(bytes: Uint8Array): Uint8Array {
  const [, claims = ''] = readUtf8(bytes).split('.')
  return Uint8Array.from(atob(claims.replaceAll('-', '+').replaceAll('_', '/')), letter => letter.charCodeAt(0))
}

attacks.test('E72 a message to another service, another fleet, several receivers or nobody', async () => {
  const all = await scene()
  const { sender } = all
  const others = [
    'did:web:example.test',
    'did:web:example.test:fleets:globex:devices:hub-1',
    didKey((await makeKey()).publicKey),
  ]
  for (const aud of others)
    await refused('other-audience', all, { jws: await sender.jws({ aud }), cose: await sender.cose([[3, aud]]) })
  const odd = { several: [sender.to, others[0]], one: [sender.to], none: undefined, nobody: '', all: '*', null: null }
  await refused('bad-envelope', all, await each(odd as Fields, aud => sender.jws({ aud })))
  await refused('bad-envelope', all, {
    several: await sender.cose([[3, [sender.to]]]),
    none: await sender.cose([[3, undefined]]),
  })
})

attacks.test(
  'E73 JSON with two readings: names twice, the prototype, halves of surrogates, numbers, depth, a mark, what is behind it',
  async () => {
    const all = await scene()
    const { sender } = all
    const claims = JSON.stringify(sender.claims())
    const header = JSON.stringify({ alg: 'Ed25519', kid: sender.did, typ: 'mint+jwt' })
    const deep = `${'['.repeat(100)}${']'.repeat(100)}`
    const spelled: Readonly<Record<string, [header: string, claims: string]>> = {
      'a claim twice': [header, claims.replace('{', `{"aud":"${sender.to}",`)],
      'a claim twice, the last one good': [header, claims.replace('{', '{"scope":"admin",')],
      'twice by another spelling': [header, claims.replace('{', '{"\\u0061ud":"did:web:a",')],
      'a header twice': [header.replace('{', '{"alg":"none",'), claims],
      'the prototype': [header, claims.replace('{', '{"__proto__":{"aud":"x"},')],
      'a constructor': [header, claims.replace('{', '{"constructor":{"prototype":{}},')],
      'a method': [header, claims.replace('{', '{"toString":1,')],
      'half of a surrogate': [header, claims.replace('telemetry:write', 'telemetry\\ud800:write')],
      'half of a surrogate in bytes': [header, claims.replace('telemetry:write', 'telemetry\ud800:write')],
      '1e400': [header, claims.replace('{', '{"ms":1e400,')],
      '2^53 + 1': [header, claims.replace('{', '{"seq":9007199254740993,')],
      '-0': [header, claims.replace('{', '{"ms":-0,')],
      '100 deep': [header, claims.replace('{', `{"sealed":${deep},`)],
      'a byte order mark': [header, `\ufeff${claims}`],
      'something behind it': [header, `${claims}x`],
      'two values': [header, `${claims}${claims}`],
      'a comment': [header, claims.replace('{', '{/**/')],
      'a comma too many': [header, claims.replace(/\}$/, ',}')],
      'an array': [header, `[${claims}]`],
    }
    await refused('bad-envelope', all, await each(spelled, ([first, second]) => sender.jwsOf(first, second)))
    const good = await sender.cose()
    const { envelope } = readMessage(good, 1_000)
    const cut = concat(envelope.bytes, Uint8Array.of(0), good.subarray(envelope.bytes.length))
    await refused('bad-envelope', all, { 'something behind COSE': concat(good, Uint8Array.of(0)), between: cut })
  },
)

attacks.test('E74 what is signed is what is read: no second copy outside, nothing that is written anew', async () => {
  const all = await scene()
  const { sender, server } = all
  const outside = new Map<number, Cbor>([[4, utf8('somebody')]])
  const labels: Labels = [[33, utf8('certificate')]]
  await refused('bad-envelope', all, {
    'an unprotected key': await sender.cose([], [], outside),
    'an unprotected claim': await sender.cose([], [], new Map([[15, new Map([[3, sender.to]])]])),
    'an unprotected algorithm': await sender.cose([], [], new Map([[1, -8]])),
    'a certificate': await sender.cose([], labels),
    'a claim among the headers': await sender.cose([], [['aud', sender.to]]),
  })
  const jws = await sender.jws()
  const [header = '', claims = '', signature = ''] = readUtf8(readMessage(jws, 1_000).envelope.bytes).split('.')
  const json = JSON.stringify({ payload: claims, protected: header, header: { kid: 'x' }, signature })
  await refused('bad-envelope', all, {
    'as JSON': writeMessage(utf8(json), body),
    'with a fourth part': writeMessage(utf8(`${header}.${claims}.${signature}.${claims}`), body),
    'with a second body': concat(jws, utf8(`~${base64url(body)}`)),
  })
  // Blanks and order are the sender's; its bytes are verified, and no others.
  const blank = JSON.stringify(sender.claims(), undefined, 2)
  const odd = await sender.jwsOf(`{ "typ":"mint+jwt", "kid":"${sender.did}",\n"alg":"EdDSA"}`, blank)
  const received = await server.receive(odd)
  same(hex(received.envelope), hex(readMessage(odd, 1_000).envelope.bytes))
})

attacks.test('E75 a signature that is malleable is no second message', async () => {
  const { sender, server } = await scene({}, 'P-256')
  for (const sent of [await sender.cose(), await sender.jws()]) {
    await server.receive(sent)
    const { envelope } = readMessage(sent, 1_000)
    const turned = concat(envelope.signature.subarray(0, 32), minusP256(envelope.signature.subarray(32)))
    const other =
      envelope.form === 'cose'
        ? concat(envelope.bytes.subarray(0, -64), turned)
        : utf8(`${readUtf8(envelope.signed)}.${base64url(turned)}`)
    same(hex(readEnvelope(other).signature), hex(turned))
    await refuses('message-replayed', () => server.receive(writeMessage(other, body)))
  }
})

/** n - s: what verifies where s does. */
function minusP256(s: Uint8Array): Uint8Array {
  const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n
  return readHex((order - BigInt(`0x${hex(s)}`)).toString(16).padStart(64, '0'))
}

attacks.test(
  'E76 no algorithm, one of a shared secret, one of another key; keys and URLs inside; a key that is a path',
  async () => {
    const all = await scene()
    const { sender, server } = all
    for (const alg of [
      'none',
      'None',
      'HS256',
      'HS512',
      'RS256',
      'ES384',
      'ed25519',
      '',
      null,
      ['Ed25519'],
      undefined,
    ]) {
      await refused('algorithm-refused', all, { [String(alg)]: await sender.jws({}, { alg }) })
    }
    for (const alg of [0, 5, -37, -35, -47, 'none', undefined]) {
      await refused('algorithm-refused', all, { [String(alg)]: await sender.cose([], [[1, alg]]) })
    }
    // The registered key decides, not the message.
    await refused('algorithm-refused', all, {
      jws: await sender.jws({}, { alg: 'ES256' }),
      cose: await sender.cose([], [[1, -9]]),
    })
    // The public key as a shared secret.
    const spki = sender.key.publicKey.spki.slice()
    const shared = await crypto.subtle.importKey('raw', spki, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign'])
    const text = `${base64url(utf8(JSON.stringify({ alg: 'HS256', kid: sender.did, typ: 'mint+jwt' })))}.${base64url(utf8(JSON.stringify(sender.claims())))}`
    const mac = new Uint8Array(await crypto.subtle.sign('HMAC', shared, utf8(text).slice()))
    await refuses('algorithm-refused', () => server.receive(writeMessage(utf8(`${text}.${base64url(mac)}`), body)))

    const inside: Readonly<Record<string, Fields>> = {
      crit: { crit: ['exp'], exp: 1 },
      'crit without names': { crit: [] },
      b64: { b64: false, crit: ['b64'] },
      jwk: { jwk: { kty: 'OKP', crv: 'Ed25519', x: base64url(sender.key.publicKey.raw) } },
      jku: { jku: 'https://example.test/keys' },
      x5u: { x5u: 'https://example.test/certificate' },
      x5c: { x5c: ['MIIB'] },
      'another type': { typ: 'JWT' },
      'no type': { typ: undefined },
      'a key that is a path': { kid: '../../../etc/passwd' },
      'a key that is a query': { kid: "x' or '1'='1" },
      'a key that is a URL': { kid: 'https://example.test/key' },
      'no key': { kid: undefined },
      'a key of another method': { kid: 'did:web:example.test' },
    }
    await refused('bad-envelope', all, await each(inside, header => sender.jws({}, header)))
    const labels: Readonly<Record<string, Labels>> = {
      crit: [[2, [-70_009]]],
      'an initial vector': [[5, utf8('iv')]],
      x5chain: [[33, utf8('certificate')]],
      x5u: [[35, 'https://example.test/certificate']],
      'content type beside that of the content': [[3, 'application/json']],
      'another type': [[16, 'application/mintmark-charter.v1']],
      'another hash': [[258, -43]],
      'no hash': [[258, undefined]],
      'a key that is text': [[4, sender.did]],
    }
    await refused('bad-envelope', all, await each(labels, header => sender.cose([], header)))
  },
)

attacks.test('E77 a token of another kind: an end, a beginning, a subject, no time, a wrong receiver', async () => {
  const all = await scene()
  const { clock, sender } = all
  const second = clock.at / 1_000
  const claims: Readonly<Record<string, Fields>> = {
    exp: { exp: second + 60 },
    'exp as text': { exp: `${second + 60}` },
    'exp that is over': { exp: 1 },
    'nbf to come': { nbf: second + 60 },
    nbf: { nbf: 1 },
    sub: { sub: sender.did },
    'no time': { iat: undefined },
    'no nonce': { jti: undefined },
    'no scope': { scope: undefined },
    'no digest': { digest: undefined },
    'a time and a number': { seq: 1 },
  }
  await refused('bad-envelope', all, await each(claims, change => sender.jws(change)))
  const labels: Readonly<Record<string, Labels>> = {
    exp: [[4, second + 60]],
    nbf: [[5, 1]],
    sub: [[2, sender.did]],
    cnf: [[8, new Map()]],
    'a time and a number': [[-70_002, 1]],
  }
  await refused('bad-envelope', all, await each(labels, change => sender.cose(change)))
  await refused('other-audience', all, { aud: await sender.jws({ aud: 'did:web:example.test' }) })
})

attacks.test('E78 a sender that nobody knows, one without the scope, one by another method', async () => {
  const { clock, registry, server, sender } = await scene()
  const stranger = new ForeignSender(await makeKey(), sender.to, () => clock.at)
  for (const sent of [await stranger.jws(), await stranger.cose()])
    await refuses('sender-unknown', () => server.receive(sent))
  for (const iss of [
    'did:web:example.test',
    'did:plc:abc',
    'did:key2:z6Mk',
    'did:web:example.test:..:admin',
    'did:web:127.0.0.1',
  ]) {
    await refuses('sender-unknown', async () => server.receive(await sender.jws({ iss })))
    await refuses('sender-unknown', async () => server.receive(await sender.cose([[1, iss]])))
  }
  for (const iss of [
    sender.did,
    'did:web:example.test/path',
    'did:web:example.test#key',
    'did:',
    'https://example.test',
    '',
    null,
    7,
  ]) {
    await refuses('bad-envelope', async () => server.receive(await sender.jws({ iss })))
  }
  registry.register(stranger.did, { scopes: [] })
  await refuses('scope-refused', async () => server.receive(await stranger.cose()))
})

attacks.test('E80 scopes that look like the one that was granted', async () => {
  const all = await scene({ scopes: [scope, 'floor3.*:read', 'floor3.sensor.*'] })
  const { sender } = all
  const granted = ['floor3.a:read', 'floor3.sensor.b']
  for (const each of granted) same((await all.server.receive(await sender.cose([[9, each]]))).scope, each)
  const likes = [
    'floor3',
    'floor3:read',
    'floor33.x:read',
    'floor3..x:read',
    '*',
    '**',
    'floor3.*:read',
    'floor3.sensor.*',
    'floor3.sensor.b.cmd',
    'floor3.a.b:read',
    'floor3.a:read.',
    'floor3.a.:read',
    'Floor3.a:read',
    'floor3.a:Read',
    'floor3.a',
    'floor3.sensor.b:read',
    'floor3.sensor.**',
    'floor3.a:read:read',
    'telemetry',
    'telemetry:write,floor3.a:read',
  ]
  for (const like of likes) {
    await refused('scope-refused', all, {
      [like]: await sender.jws({ scope: like }),
      cose: await sender.cose([[9, like]]),
    })
  }
  for (const odd of ['', 'floor3.a:read ', 'flöör3.a:read', 'a b', 'floor3.a:read\0']) {
    await refused('bad-envelope', all, { [odd]: await sender.jws({ scope: odd }), cose: await sender.cose([[9, odd]]) })
  }
})

attacks.test(
  'E81 a gateway that speaks for a device that is not behind it, and a device that is no gateway',
  async () => {
    const gateway = await scene({ devices: ['sensor-7'] })
    const { sender, server } = gateway
    same((await server.receive(await sender.jws({ obo: 'sensor-7' }))).onBehalfOf, 'sensor-7')
    for (const obo of ['sensor-8', 'sensor-77', 'sensor-7.', 'SENSOR-7', '*', sender.did]) {
      await refused('gateway-refused', gateway, {
        [obo]: await sender.jws({ obo }),
        cose: await sender.cose([[-70_003, obo]]),
      })
    }
    for (const obo of ['', 'sensor 7', 'sénsor-7', ['sensor-7'], null]) {
      await refused('bad-envelope', gateway, { [String(obo)]: await sender.jws({ obo }) })
    }
    const plain = await scene()
    await refused('gateway-refused', plain, { device: await plain.sender.jws({ obo: 'sensor-7' }) })
  },
)

const hour = 3_600_000
const steps: Readonly<Record<string, [from: number, step: number]>> = {
  'an hour ahead': [Date.UTC(2026, 5, 1), hour],
  'an hour back': [Date.UTC(2026, 5, 1), -hour],
  'ten years ahead': [Date.UTC(2026, 5, 1), 10 * 365 * 24 * hour],
  'ten years back': [Date.UTC(2036, 5, 1), -10 * 365 * 24 * hour],
  'over a leap day': [Date.UTC(2028, 1, 29, 23, 59, 58), 3_000],
  'over the end of summer time': [Date.UTC(2026, 9, 25, 0, 59, 58), 3_000],
  'over 2^31 seconds': [Date.UTC(2038, 0, 19, 3, 14, 6), 3_000],
  'over 2^32 seconds': [Date.UTC(2106, 1, 7, 6, 28, 14), 3_000],
  'half a second back': [Date.UTC(2026, 5, 1), -500],
}
for (const [what, [from, step]] of Object.entries(steps)) {
  attacks.test(`K121 a clock that steps ${what} accepts nothing twice and nothing that is over`, async () => {
    const clock = { at: from - 60_000 }
    const now = () => clock.at
    const registry = new MemoryTrustRegistry()
    const server = await Agent.create({ registry, now })
    const key = await makeKey()
    registry.register(didKey(key.publicKey), { scopes: [scope] })
    clock.at = from
    const write = (issued: number, form: 'cose' | 'jws') => {
      const once = { issued, nonce: crypto.getRandomValues(new Uint8Array(16)) }
      const claims = { key: didKey(key.publicKey), audience: server.did, scope, once, digest: sha256(body) }
      return (form === 'cose' ? writeCoseEnvelope : writeJwsEnvelope)(key, claims)
    }
    const before = [await write(from, 'cose'), await write(from - 29_000, 'jws'), await write(from + 5_000, 'cose')]
    const unseen = await write(from, 'jws')
    for (const envelope of before) await server.receive(writeMessage(envelope, body))
    for (const at of [from + step, from, from + step + 36_000, from + 36_001, from]) {
      clock.at = at
      for (const envelope of before) {
        ok((await codeOf(server.receive(writeMessage(envelope, body)))) !== 'accepted', `again, at ${at - from}`)
      }
    }
    clock.at = from + 30_001
    await refuses('message-expired', () => server.receive(writeMessage(unseen, body)))
    // Where the clock has gone on, it goes on.
    clock.at = from + Math.max(0, step) + 120_000
    await server.receive(writeMessage(await write(clock.at, 'cose'), body))
  })
}

attacks.test('K123 a store that begins anew refuses what was issued before it and says how long to wait', async () => {
  const { clock, registry, sender } = await scene()
  const options = { registry, now: () => clock.at, audiences: [sender.to] }
  const before = await Agent.create({ ...options, nonces: new MemoryNonceStore({ now: () => clock.at - 60_000 }) })
  const [seen, unseen] = [await sender.cose(), await sender.jws()]
  await before.receive(seen)
  const after = await Agent.create(options)
  for (const sent of [seen, unseen]) await refuses('message-fresh', () => after.receive(sent))
  clock.at += 4_000
  for (const sent of [seen, unseen, await sender.cose()]) await refuses('message-fresh', () => after.receive(sent))
  clock.at += 2_000
  for (const sent of [seen, unseen]) await refuses('message-fresh', () => after.receive(sent))
  same((await after.receive(await sender.cose())).from, sender.did)
})
