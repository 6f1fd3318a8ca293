import { sha256, utf8 } from '@mintmark/core/bytes'
import { type Code, Refused } from '@mintmark/core/errors'
import { didKey, type Key, type KeyAlgorithm } from '@mintmark/core/keys'
import { type Claims, writeCoseEnvelope, writeJwsEnvelope, writeMessage } from '@mintmark/core/signed'
import { ok, refuses, same, suite } from '../../core/test/portable.ts'
import { Agent, MemoryNonceStore, MemoryTrustRegistry, makeKey, type Payload } from '../src/index.ts'
import { Sequences } from '../src/nonces/sequences.ts'

// What an agent does with the Web Crypto of every runtime. Each check of a message is in receive.test.ts.

export const agent = suite('agent')

const start = Date.UTC(2026, 5, 1)
const [forms, algorithms] = [['cose', 'jws'] as const, ['Ed25519', 'P-256'] as const satisfies KeyAlgorithm[]]

/** A receiver that knows one sender. */
async function pair(algorithm: KeyAlgorithm = 'Ed25519') {
  const clock = { at: start }
  const now = () => clock.at
  const registry = new MemoryTrustRegistry()
  const key = await makeKey(algorithm)
  const [server, device] = [await Agent.create({ registry, now }), await Agent.create({ key, now })]
  registry.register(device.did, { scopes: ['telemetry:write'] })
  clock.at += 60_000
  return { clock, registry, server, device, key }
}

agent.test('what JSON cannot say is not signed as something else', async () => {
  const { server, device } = await pair()
  const circular: { self?: object } = {}
  circular.self = circular
  const unsayable: unknown[] = [
    ...[undefined, () => 1, Symbol('x'), 1n, Number.NaN, { celsius: Number.POSITIVE_INFINITY }, circular],
    ...[
      new ArrayBuffer(3),
      new Map([['a', 1]]),
      new Set([1]),
      { bytes: Uint8Array.of(1, 2) },
      new DataView(new ArrayBuffer(2)),
      { celsius: () => 21.5 },
      [Symbol('x')],
      [1, undefined],
      new Array(1),
      Promise.resolve({ celsius: 21.5 }),
    ],
  ]
  const spoken = [{ toJSON: () => undefined }, [{ toJSON: () => Number.NaN }], { at: new Date(Number.NaN) }]
  const spokenBytes = Object.assign(Uint8Array.of(1), { toJSON: () => ({ type: 'Buffer', data: [1] }) })
  const filled = [Object.assign(new Map([[1, 2]]), { x: 1 }), Object.assign(new Set([1]), { x: 1 }), new Error('no')]
  unsayable.push(...spoken, { bytes: spokenBytes }, ...filled)
  for (const payload of unsayable) {
    await refuses('bad-json', () =>
      device.send({ to: server.did, payload: payload as string, scope: 'telemetry:write' }),
    )
  }
  class Reading {
    readonly celsius = 21.5
  }
  const at = new Date(start)
  const said = [null, false, 0, [], {}, Object.create(null), [{}], new Reading(), { at }, { left: undefined, right: 1 }]
  for (const payload of said) {
    const sent = await device.send({ to: server.did, payload: payload as string, scope: 'telemetry:write' })
    same((await server.receive(sent)).text(), JSON.stringify(payload))
  }
})

agent.test('an interface and a class are payloads as they are declared', async () => {
  const { server, device } = await pair()
  interface Place {
    readonly floor: number
    readonly room?: string
  }
  interface Reading {
    readonly celsius: number
    readonly places: readonly Place[]
  }
  class Alert {
    readonly #told = 'nobody'
    readonly level = 3
    told = () => this.#told
    toJSON(): object {
      return { level: this.level, told: this.told() }
    }
  }
  const reading: Reading = { celsius: 21.5, places: [{ floor: 3 }] }
  const literal = { celsius: 21.5 } as const
  // That it compiles is half of the test.
  const payloads: readonly Payload[] = [reading, new Alert(), literal, [reading], 21.5, true, null, 'warm']
  for (const payload of payloads) {
    const sent = await device.send({ to: server.did, payload, scope: 'telemetry:write' })
    same((await server.receive(sent)).text(), typeof payload === 'string' ? payload : JSON.stringify(payload))
  }
  // @ts-expect-error: nothing is no payload
  const none: Payload = undefined
  // @ts-expect-error: nor is what JSON has no word for
  const big: Payload = 1n
  for (const payload of [none, big]) {
    await refuses('bad-json', () => device.send({ to: server.did, payload, scope: 'telemetry:write' }))
  }
})

agent.test('what is sent to nobody, for nothing, or is no message, is refused with a code', async () => {
  const { server, device } = await pair()
  const send = (change: object) => device.send({ to: server.did, payload: '', scope: 'telemetry:write', ...change })
  const nobody = [
    'hub-1',
    '',
    'did:',
    'did:key',
    'did:web:a/b',
    'did:key:z6Mk#key',
    `did:web:${'a'.repeat(250)}`,
    undefined,
    null,
    7,
  ]
  for (const to of nobody) await refuses('bad-did', () => send({ to }))
  for (const scope of ['', 'Telemetry', 'telemetry:', undefined, null, 7.5])
    await refuses('bad-scope', () => send({ scope }))
  const sent = await send({})
  for (const message of ['', 'e', '\ud800', null, undefined, 7, [...sent], sent.slice().buffer, {}, new Uint8Array()]) {
    // Refused, and not thrown: who says .catch() is told too.
    let why: unknown
    await server.receive(message as string).catch((error: unknown) => {
      why = error
    })
    const expected: Code = message === '\ud800' ? 'bad-encoding' : 'bad-envelope'
    same(why instanceof Refused ? why.code : why, expected)
  }
  same((await server.receive(sent)).from, device.did)
})

for (const form of forms) {
  for (const algorithm of algorithms) {
    agent.test(`a message by ${algorithm} as ${form} arrives, and arrives once`, async () => {
      const { server, device } = await pair(algorithm)
      const message = { to: server.did, payload: { celsius: 21.5 }, scope: 'telemetry:write' }
      const sent = await device.send(message, { form })
      const received = await server.receive(sent)
      same([received.from, received.scope, received.json()], [device.did, message.scope, message.payload])
      await refuses('message-replayed', () => server.receive(sent))
    })

    agent.test(`a message by ${algorithm} as ${form} that was changed, or signed by another, is refused`, async () => {
      const { clock, server, device, key } = await pair(algorithm)
      const body = utf8('sixteen of salt.and the content')
      const claims: Claims = {
        key: device.did,
        audience: server.did,
        scope: 'telemetry:write',
        once: { issued: clock.at, nonce: new Uint8Array(16) },
        digest: sha256(body),
      }
      const write = form === 'cose' ? writeCoseEnvelope : writeJwsEnvelope
      const sign = async (by: Key, sent: Uint8Array) => writeMessage(await write(by, claims), sent)
      const forged = await sign(await makeKey(algorithm), body)
      await refuses('envelope-signature', () => server.receive(forged))
      const exchanged = await sign(key, utf8('sixteen of salt.and a body of its own'))
      await refuses('body-refused', () => server.receive(exchanged))
      same((await server.receive(await sign(key, body))).from, device.did)
    })
  }

  agent.test(`a revoked sender is refused from the next message on, ${form}`, async () => {
    const { registry, server, device } = await pair()
    const send = () => device.send({ to: server.did, payload: '', scope: 'telemetry:write' }, { form })
    await server.receive(await send())
    registry.revoke(device.did)
    const sent = await send()
    await refuses('revoked', () => server.receive(sent))
  })
}

agent.test('a new key cannot leave the runtime, and is the DID', async () => {
  const [one, another] = [await makeKey(), await makeKey()]
  ok(!one.publicKey.equals(another.publicKey), 'two keys are two')
  same(Object.keys(one).toSorted(), ['publicKey', 'sign'])
  same((await Agent.create({ key: one })).did, didKey(one.publicKey))
})

agent.test('text is a message too, where it is a JWS', async () => {
  const { server, device } = await pair()
  const sent = await device.send({ to: server.did, payload: 'warm', scope: 'telemetry:write' }, { form: 'jws' })
  let text = ''
  for (const byte of sent) text += String.fromCharCode(byte)
  same((await server.receive(text)).text(), 'warm')
})

/** A generator of numbers, the same each time (xorshift32). */
function numbers(seed: number): () => number {
  let state = seed
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state >>> 0
  }
}

agent.test('a store in memory knows what a set knows, over many senders, seconds and repetitions', () => {
  const next = numbers(2026)
  let now = start
  const store = new MemoryNonceStore({ now: () => now })
  const spent = new Set<string>()
  for (let i = 0; i < 20_000; i++) {
    now += next() % 40
    const issued = now - (next() % 30_000)
    // Few different nonces, so that many come again.
    const nonce = new Uint8Array(16).fill(next() % 50)
    const [key, expires] = [`sender ${next() % 5}`, Math.ceil(issued / 1_000) * 1_000 + 41_000]
    const id = `${key} ${nonce[0]} ${expires}`
    same([id, store.spend(key, nonce, expires, now).isFirst], [id, !spent.has(id)])
    spent.add(id)
  }
  now += 100_000
  store.spend('sender', new Uint8Array(16), now + 1_000, now)
  same(store.size, 1)
})

agent.test('numbers of a sender are taken once each, and none that is far behind', () => {
  const next = numbers(7)
  const sequences = new Sequences()
  const taken = new Set<number>()
  let highest = -1
  for (let i = 0; i < 5_000; i++) {
    const number = Math.max(0, highest + (next() % 140) - 100)
    const expected = !taken.has(number) && number > highest - 64
    same([number, sequences.advance(number)], [number, expected])
    taken.add(number)
    highest = Math.max(highest, number)
  }
  for (const odd of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) same(sequences.advance(odd), false)
  same(sequences.advance(Number.MAX_SAFE_INTEGER), true)
})

agent.test('whatever is received is a message or a refusal', async () => {
  const { server, device } = await pair()
  const sent = await device.send({ to: server.did, payload: 'warm', scope: 'telemetry:write' })
  const next = numbers(99)
  const codes = new Set<Code>()
  for (let i = 0; i < 300; i++) {
    const bytes = Uint8Array.from(sent)
    for (let j = next() % 3; j >= 0; j--) bytes[next() % bytes.length] = next() & 0xff
    if (bytes.every((byte, at) => byte === sent[at])) continue
    try {
      await server.receive(bytes)
    } catch (error) {
      if (!(error instanceof Refused)) throw error
      codes.add(error.code)
      continue
    }
    throw new Error('a changed message was received')
  }
  ok(codes.size >= 3, `it is refused for several reasons: ${[...codes].join()}`)
})
