import { generateKeyPairSync, sign } from 'node:crypto'
import { Agent } from '@mintmark/agent'
import { readBase64, sha256, utf8 } from '@mintmark/core/bytes'
import { checkMessageFact } from '@mintmark/core/evidence'
import { admitSpki, didKey } from '@mintmark/core/keys'
import { readChange } from '@mintmark/core/rules'
import { type Claims, readMessage, shortIdOf, writeCoseEnvelope, writeMessage } from '@mintmark/core/signed'
import { nodeVerify } from '@mintmark/elements'
import { startTestPlatform, type TestDevice, type TestPlatform } from '@mintmark/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

// What the platform records as a message, and what it must not. Each refusal leaves no fact but that it was refused.

let platform: TestPlatform
let [sender, hub, other, foreign]: TestDevice[] = []

beforeAll(async () => {
  platform = await startTestPlatform()
  for (const fleet of ['acme', 'globex']) await platform.makeFleet(fleet)
  sender = await platform.enrollDevice('acme', 'device-104')
  hub = await platform.enrollDevice('acme', 'hub-1', 'P-256')
  other = await platform.enrollDevice('acme', 'device-105')
  foreign = await platform.enrollDevice('globex', 'device-104')
  await grant(sender, { scopes: ['telemetry:write'] })
  await grant(foreign, { scopes: ['telemetry:write'] })
}, 60_000)
afterAll(() => platform.stop())

const didOf = ({ key }: TestDevice): string => didKey(key.publicKey)
const now = () => platform.clock.now()

async function grant(device: TestDevice, rights: object): Promise<void> {
  const [fleet, , name] = device.path.split('/')
  const { status, text } = await platform.operator('PUT', `/v1/fleets/${fleet}/devices/${name}/scope`, rights)
  if (status !== 200) throw new Error(text)
}

type Said = Partial<Parameters<Agent['send']>[0]>
type Options = Parameters<Agent['send']>[1]

/** A message of a device, to the hub where nothing else is said: the envelope and its body. */
async function message(from: TestDevice, said: Said = {}, options: Options = {}): Promise<Uint8Array> {
  const agent = await Agent.create({ key: from.key, now })
  return agent.send({ to: didOf(hub!), payload: { celsius: 21.5 }, scope: 'telemetry:write', ...said }, options)
}

const envelopeOf = (bytes: Uint8Array): Uint8Array => readMessage(bytes, 65_536).envelope.bytes
const envelope = async (...asked: Parameters<typeof message>): Promise<Uint8Array> =>
  envelopeOf(await message(...asked))

const post = (body: Uint8Array, as: TestDevice = sender!, type = 'application/mint') =>
  platform.call('POST', '/v1/messages', { as: as.tls, headers: { 'content-type': type }, body })

/** Claims as a sender that is not ours could sign them. */
async function signed(changed: Partial<Claims>, body = utf8('sixteen bytes of salt and more'), by = sender!) {
  const claims: Claims = {
    key: didOf(by),
    audience: didOf(hub!),
    scope: 'telemetry:write',
    once: { issued: now(), nonce: crypto.getRandomValues(new Uint8Array(16)) },
    digest: sha256(body),
    ...changed,
  }
  return { envelope: await writeCoseEnvelope(by.key, claims), body }
}

const sealed = { key: new Uint8Array(8), commitment: new Uint8Array(32) }

/** Refused with this code, and nothing is recorded but that. */
async function refused(
  code: string,
  make: () => Promise<Uint8Array>,
  as: TestDevice = sender!,
  whose: TestDevice = as,
): Promise<void> {
  // It goes on to the next minute, so what is sent is made behind it.
  const before = await platform.snapshot()
  const reply = await post(await make(), as)
  expect(reply.body.code).toBe(code)
  const facts = await platform.since(before)
  expect(facts.map(({ kind, by, body }) => [kind, by, body.code, body.operation])).toEqual([
    ['refused', whose.path, code, 'POST /v1/messages'],
  ])
}

describe('a message is recorded', () => {
  test.each([{ form: 'cose' }, { form: 'jws' }, { name: 'short' }, { algorithm: 'polymorphic' }] as const)(
    'as %o, with a receipt that proves who sent what',
    async options => {
      const bytes = await envelope(sender!, {}, options)
      const reply = await post(bytes)
      expect([reply.status, reply.body.from, reply.body.to]).toEqual([201, sender!.path, hub!.path])
      const receipt = reply.body.receipt as { entry: string; index: number }
      const fact = readChange(readBase64(receipt.entry))
      expect(fact.kind).toBe('message.accepted')
      const { claims } = await checkMessageFact(fact as Parameters<typeof checkMessageFact>[0], nodeVerify)
      expect([claims.scope, claims.audience]).toEqual(['telemetry:write', didOf(hub!)])
    },
  )

  test('by whoever received it, to a short id or a did:web, and sealed with its body', async () => {
    expect((await post(await envelope(sender!), hub!)).status).toBe(201)
    expect((await post(await envelope(sender!, { to: shortIdOf(hub!.key.publicKey) }))).status).toBe(201)
    const did = 'did:web:example.test:fleets:acme:devices:hub-1'
    expect((await post(await envelope(sender!, { to: did }))).status).toBe(201)
    const agent = await Agent.create({ key: sender!.key, did: `${did.slice(0, -5)}device-104`, now })
    const own = await agent.send({ to: did, payload: 'x', scope: 'telemetry:write' })
    expect((await post(envelopeOf(own))).status).toBe(201)
    const { envelope: bytes, body } = await signed({ sealed })
    expect((await post(writeMessage(bytes, body))).status).toBe(201)
  })
})

describe('E65 the same message', () => {
  test('is recorded once, one after the other, in either form of content type', async () => {
    const bytes = await envelope(sender!)
    expect((await post(bytes)).status).toBe(201)
    expect((await post(bytes)).body.code).toBe('message-replayed')
    expect((await post(bytes, hub!, 'application/mint+jwt')).body.code).toBe('message-replayed')
  })

  test('is recorded once where 64 bring it at once', async () => {
    const bytes = await envelope(sender!)
    const replies = await Promise.all(Array.from({ length: 64 }, (_, i) => post(bytes, [sender!, hub!][i % 2])))
    expect(replies.filter(({ status }) => status === 201)).toHaveLength(1)
    const codes = new Set(replies.filter(({ status }) => status !== 201).map(({ body }) => body.code))
    expect(codes).toEqual(new Set(['message-replayed']))
  })

  test('is the same in the other form: the nonce counts', async () => {
    const once = { issued: now(), nonce: new Uint8Array(16).fill(7) }
    const first = await signed({ once })
    expect((await post(first.envelope)).status).toBe(201)
    const again = await signed({ once, scope: 'telemetry:write', contentType: 'text/plain' })
    expect((await post(again.envelope)).body.code).toBe('message-replayed')
    // Of another key it is another nonce.
    await grant(other!, { scopes: ['telemetry:write'] })
    expect((await post((await signed({ once }, undefined, other!)).envelope, other!)).status).toBe(201)
  })

  test('E66 is too old after 30 seconds, and from the future 5 seconds ahead', async () => {
    for (const [off, code] of [
      [-31_000, 'message-expired'],
      [9_000, 'message-early'],
    ] as const) {
      const late = await signed({ once: { issued: now() + off, nonce: new Uint8Array(16).fill(1) } })
      expect((await post(late.envelope)).body.code).toBe(code)
    }
  })

  test('E69 stays spent while the clock goes on, to the end of its window and behind it', async () => {
    const bytes = await envelope(sender!)
    expect((await post(bytes)).status).toBe(201)
    for (const step of [10_000, 15_000]) {
      platform.clock.advance(step)
      expect((await post(bytes)).body.code).toBe('message-replayed')
    }
    // Another message forgets what has ended.
    platform.clock.advance(20_000)
    expect((await post(await envelope(sender!))).status).toBe(201)
    expect((await post(bytes)).body.code).toBe('message-expired')
  })
})

describe('nobody sends what is not theirs to send', () => {
  test('E78 a key that nobody enrolled, and one of another fleet, are unknown alike', async () => {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519')
    const key = {
      publicKey: admitSpki(new Uint8Array(publicKey.export({ type: 'spki', format: 'der' }))),
      sign: (bytes: Uint8Array) => new Uint8Array(sign(null, bytes, privateKey)),
    }
    await refused('sender-unknown', () => envelope({ ...sender!, key }))
    await refused('sender-unknown', () => envelope(foreign!))
  })

  test('E72 an audience outside of the fleet is somebody else', async () => {
    const outside = [
      didOf(foreign!),
      shortIdOf(foreign!.key.publicKey),
      'did:web:example.test:fleets:globex:devices:device-104',
    ]
    for (const to of [
      ...outside,
      'did:web:other.test:fleets:acme:devices:hub-1',
      'did:web:example.test:fleets:acme:devices:nobody',
    ]) {
      await refused('other-audience', () => envelope(sender!, { to }))
    }
  })

  test('E72 a caller of another fleet can record nothing of this one', async () => {
    await refused('other-audience', () => envelope(sender!), foreign!)
  })

  test('E80 a scope that is not granted, and a device without any', async () => {
    await refused('scope-refused', () => envelope(sender!, { scope: 'telemetry:read' }))
    await refused('scope-refused', () => envelope(hub!, { to: didOf(sender!) }), hub!)
  })

  test('E81 a device behind it that is not behind it; a number of a sender with a clock', async () => {
    await refused('gateway-refused', () => envelope(sender!, { onBehalfOf: 'sensor-7' }))
    await refused('sequence-refused', () => envelope(sender!, { sequence: 1 }))
  })

  test('a receiver that it was not granted', async () => {
    const narrow = await platform.enrollDevice('acme', 'narrow-1')
    await grant(narrow, { scopes: ['telemetry:write'], recipients: ['device-105'] })
    await refused('recipient-refused', () => envelope(narrow), narrow)
    expect((await post(await envelope(narrow, { to: didOf(other!) }), narrow)).status).toBe(201)
  })

  test('E71 an envelope that was changed, and one signed by another key', async () => {
    const bytes = await envelope(sender!)
    const changed = bytes.slice()
    changed[changed.length - 1]! ^= 1
    expect((await post(changed)).body.code).toBe('envelope-signature')
    await refused('envelope-signature', async () => (await signed({ key: didOf(sender!) }, undefined, other!)).envelope)
  })

  test('J119 more in a minute than its fleet says is too much, of this key alone, and is told when to go on', async () => {
    const path = '/v1/fleets/acme/policy'
    const policy = async (messagesPerMinute: unknown, as?: TestDevice) => {
      const body = { messagesPerMinute, reason: 'a test' }
      const reply = await (as ? platform.call('PUT', path, { as: as.tls, body }) : platform.operator('PUT', path, body))
      return [reply.status, reply.body.messagesPerMinute ?? reply.body.code]
    }
    await grant(other!, { scopes: ['telemetry:write'] })
    const before = await platform.snapshot()
    platform.clock.advance(60_000 - (now() % 60_000))
    expect(await policy(2, sender)).toEqual([403, 'forbidden'])
    for (const bad of [0, 60_001, 1.5, '2', null]) expect((await policy(bad))[0], String(bad)).toBe(400)
    expect((await platform.operator('PUT', path, { reason: 'nothing' })).status).toBe(400)
    expect((await platform.operator('GET', '/v1/fleets/acme')).body).toMatchObject({ messagesPerMinute: 60_000 })
    expect(await policy(2)).toEqual([200, 2])
    expect((await platform.operator('PUT', path, { lateRenewal: 1_000 })).body).toMatchObject({ messagesPerMinute: 2 })
    for (let i = 0; i < 2; i++) expect((await post(await envelope(sender!))).status).toBe(201)
    const { status, body, headers } = await post(await envelope(sender!))
    expect([status, body.code]).toEqual([429, 'slow-down'])
    expect(Number(headers['retry-after'])).toBeGreaterThan(50)
    // Whoever brings it.
    expect((await post(await envelope(sender!), hub)).status).toBe(429)
    expect((await post(await envelope(other!), other)).status).toBe(201)
    platform.clock.advance(60_000)
    expect((await post(await envelope(sender!))).status).toBe(201)
    const refusals = (await platform.since(before)).filter(({ body }) => body.code === 'slow-down')
    expect(refusals.map(({ by, ledger, body }) => [by, ledger, body.count])).toEqual([[sender!.path, 'acme', 2]])
    expect(await policy(60_000)).toEqual([200, 60_000])
    expect((await platform.operator('PUT', path, { lateRenewal: 0 })).status).toBe(200)
  })
})

describe('no payload comes in', () => {
  test('a body that is not sealed is refused, and so is one that is not the one that was signed', async () => {
    await refused('body-refused', () => message(sender!))
    for (const change of [
      (body: Uint8Array) => body.map(byte => byte ^ 1),
      (body: Uint8Array) => body.subarray(0, 15),
    ]) {
      await refused('body-refused', async () => {
        const { envelope: bytes, body } = await signed({ sealed })
        return writeMessage(bytes, change(body))
      })
    }
  })

  test('a body of more than 64 kB is too large, whatever it is', async () => {
    const body = new Uint8Array(65_537)
    const { envelope: bytes } = await signed({ sealed }, body)
    expect((await post(writeMessage(bytes, body))).body.code).toBe('too-large')
    const most = new Uint8Array(65_536)
    expect((await post(writeMessage((await signed({ sealed }, most)).envelope, most))).status).toBe(201)
    expect((await post(new Uint8Array(200_000))).body.code).toBe('too-large')
  })

  test.each(['application/json', 'application/cose', ''])('not as %s', async type => {
    expect((await post(await envelope(sender!), sender!, type)).body.code).toBe('unsupported-media')
  })

  test('garbage is no envelope', async () => {
    for (const bytes of [new Uint8Array(), utf8('{}'), utf8('eyJ~'), Uint8Array.of(0xd2), Uint8Array.of(0xd2, 0x84)]) {
      expect((await post(bytes)).body.code).toBe('bad-envelope')
    }
  })
})

describe('a sender that is not good any more', () => {
  test('is refused as revoked, and the fact is of the sender, whoever brought its message', async () => {
    const lost = await platform.enrollDevice('acme', 'lost-1')
    await grant(lost, { scopes: ['telemetry:write'] })
    const bytes = await envelope(lost)
    expect((await post(bytes, lost)).status).toBe(201)
    await platform.revoke(lost)
    await refused('revoked', () => envelope(lost), hub!, lost)
    // Nobody without its key has that said of it.
    await refused(
      'envelope-signature',
      async () => (await signed({ key: didOf(lost) }, undefined, sender!)).envelope,
      hub!,
    )
  })

  test('a receiver that was revoked is nobody to send to', async () => {
    const gone = await platform.enrollDevice('acme', 'gone-1')
    await platform.revoke(gone)
    await refused('other-audience', () => envelope(sender!, { to: didOf(gone) }))
  })

  test('a key that was superseded is refused, and shows as an alarm of its name', async () => {
    const copied = await platform.enrollDevice('acme', 'copied-1')
    await grant(copied, { scopes: ['telemetry:write'] })
    const token = await platform.makeToken('acme', { replaces: 'copied-1' })
    const next = await platform.makeKey()
    expect((await platform.enroll(token.text, next.csr)).status).toBe(201)
    await refused('key-superseded', () => envelope(copied), hub!, copied)
    const { body } = await platform.operator('GET', '/v1/fleets/acme/devices/copied-1/why')
    const seen = expect.objectContaining({ code: 'key-superseded', operation: 'POST /v1/messages' })
    expect(body.refusals).toEqual([seen])
    const { warnings } = (await platform.operator('GET', '/v1/warnings')).body as { warnings: object[] }
    expect(warnings).toContainEqual(expect.objectContaining({ kind: 'superseded-key', who: copied.path }))
    // Nobody without that key can have it said.
    await refused(
      'envelope-signature',
      async () => (await signed({ key: didOf(copied) }, undefined, sender!)).envelope,
      hub!,
    )
    // Rights are of the name.
    expect((await post(await envelope({ ...copied, ...next }), hub!)).status).toBe(201)
  })
})
