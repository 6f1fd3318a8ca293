import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { hex } from '@mintmark/core/bytes'
import { webCryptoVerify } from '@mintmark/core/keys'
import { checkReceipt, type Receipt } from '@mintmark/core/ledger'
import { type Change, isOfKind, readChange } from '@mintmark/core/rules'
import { readEnvelope } from '@mintmark/core/signed'
import { enroll } from '@mintmark/device'
import { startTestPlatform, type TestPlatform } from '@mintmark/testing'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { Agent, type AgentOptions, MemoryNonceStore, makeKey, type Refused } from '../src/index.ts'
import { type AgentHome, openHome } from '../src/node/home.ts'
import { handedMessages, PlatformJournal, PlatformTransport, publishEncryptionKey } from '../src/platform/index.ts'
import { EncryptionKeys } from '../src/seal/index.ts'

// Devices of a really started platform that record what they send or receive, and hear what is sealed to them.

let platform: TestPlatform
const homes = mkdtempSync(join(tmpdir(), 'mintmark-recording-'))
const now = () => platform.clock.now()
let [sender, hub]: AgentHome[] = []

beforeAll(async () => {
  platform = await startTestPlatform()
  await platform.makeFleet('acme')
  sender = await openEnrolled('device-104', 'registry:read', 'telemetry:write')
  hub = await openEnrolled('hub-1', 'registry:read')
})
afterAll(async () => {
  for (const home of [sender, hub]) home?.close()
  rmSync(homes, { recursive: true, force: true })
  await platform?.stop()
})

async function openEnrolled(name: string, ...scopes: string[]): Promise<AgentHome> {
  const { text: token } = await platform.makeToken('acme')
  await enroll({ token, name, home: join(homes, name), now })
  await platform.grant({ path: `acme/device/${name}` }, ...scopes)
  return openHome(join(homes, name), now)
}

const agentOf = (home: AgentHome, more: Partial<AgentOptions> = {}): Promise<Agent> =>
  Agent.create({ ...home, now, nonces: oldNonces(), ...more })

/** Of a receiver that did not start just now. */
function oldNonces(): MemoryNonceStore {
  const nonces = new MemoryNonceStore({ now })
  platform.clock.advance(6_000)
  return nonces
}

async function recorded(): Promise<Change<'message.accepted'>[]> {
  return (await platform.facts('acme')).filter(fact => isOfKind(fact, 'message.accepted'))
}

test('what is announced is refused in the words of the platform, or is unreachable', async () => {
  const [service, other] = [hub!, await makeKey()]
  const encryption = await EncryptionKeys.open()
  const at = now()
  const [later, before] = [
    await encryption.announce(service.key, at, {}),
    await encryption.announce(service.key, at - 1_000, {}),
  ]
  await publishEncryptionKey(service, later)
  const code = async (statement: Uint8Array, where: Parameters<typeof publishEncryptionKey>[0] = service) =>
    publishEncryptionKey(where, statement).then(
      () => 'taken',
      (error: Refused) => error.code,
    )
  // The same again is no other fact; an older one, or one by somebody else, is nothing.
  expect(await code(later)).toBe('taken')
  expect(await code(before)).toBe('bad-statement')
  expect(await code(await encryption.announce(other, at + 1_000, {}))).toBe('bad-statement')
  expect(await code(new Uint8Array())).toBe('bad-cbor')
  const lost = () => Promise.reject(new TypeError('the network'))
  expect(await code(later, { ...service, fetch: lost })).toBe('unreachable')
  const portal = () =>
    Promise.resolve(new Response('sign in', { status: 302, headers: { location: 'https://example.test/' } }))
  expect(await code(later, { ...service, fetch: portal })).toBe('unreachable')
})

test('a sealed message goes by way of the platform: recorded, handed on, opened by its receiver alone', async () => {
  const service = await agentOf(hub!, { encryption: await EncryptionKeys.open() })
  await publishEncryptionKey(hub!, await service.announceEncryption())
  const device = await agentOf(sender!, { transport: new PlatformTransport(sender!) })
  const ending = new AbortController()
  const heard = handedMessages({ ...hub!, signal: ending.signal })
  const next = heard.next()
  // Listening takes a moment, and nobody says when: what is not heard is sent again, as another message.
  let done = false
  void next.then(() => {
    done = true
  })
  const message = { to: service.did, payload: { celsius: 21.5 }, scope: 'telemetry:write', seal: true }
  do {
    await device.send(message)
    await new Promise(resolve => setTimeout(resolve, 50))
  } while (!done)
  const { value } = await next
  const received = await service.receive(value!.message)
  expect([received.json(), received.isSealed, received.from]).toEqual([{ celsius: 21.5 }, true, device.did])
  const entry = (await platform.facts('acme'))[value!.index]! as Change<'message.accepted'>
  expect([entry.kind, entry.body.identity, entry.body.to]).toEqual([
    'message.accepted',
    'acme/device/device-104',
    'acme/device/hub-1',
  ])
  expect(hex(entry.body.envelope)).toBe(hex(received.envelope))
  ending.abort()
  for (let last = await heard.next(); !last.done; last = await heard.next());
})

test('what is not sealed is refused before anything leaves', async () => {
  let asked = 0
  const fetch: AgentHome['fetch'] = (...args) => {
    asked++
    return sender!.fetch(...args)
  }
  const device = await agentOf(sender!, { transport: new PlatformTransport({ url: sender!.url, fetch }) })
  const { did } = await agentOf(hub!)
  const message = { to: did, payload: 'x', scope: 'telemetry:write' }
  await expect(device.send(message)).rejects.toMatchObject({ code: 'body-refused' })
  expect(asked).toBe(0)
})

test('a receiver has each message recorded before it is delivered, by its envelope alone', async () => {
  const service = await agentOf(hub!, { journal: new PlatformJournal(hub!) })
  const device = await agentOf(sender!)
  const before = (await recorded()).length
  const sent = await device.send({ to: service.did, payload: 'only for you', scope: 'telemetry:write' })
  const received = await service.receive(sent)
  expect(received.text()).toBe('only for you')
  const facts = await recorded()
  expect(facts).toHaveLength(before + 1)
  expect(facts.at(-1)!.by).toBe('acme/device/hub-1')
  expect(readEnvelope(facts.at(-1)!.body.envelope).claims.digest).toHaveLength(32)
  expect(Buffer.from(facts.at(-1)!.bytes).includes('only for you')).toBe(false)
})

test('each message has a receipt that anybody can check, kept before it is delivered', async () => {
  const kept: Receipt[] = []
  const keep = (receipt: Receipt) => void kept.push(receipt)
  const service = await agentOf(hub!, { journal: new PlatformJournal({ ...hub!, keep }) })
  const device = await agentOf(sender!)
  const received = await service.receive(await device.send({ to: service.did, payload: 'x', scope: 'telemetry:write' }))
  const [receipt] = kept
  const fact = readChange(receipt!.entry) as Change<'message.accepted'>
  expect(hex(fact.body.envelope)).toBe(hex(received.envelope))
  expect(hub!.ledger!.origin).toMatch(/^acme\..+\/ledger$/)
  expect(await checkReceipt(receipt!, { ...hub!.ledger!, verify: webCryptoVerify })).toMatchObject({
    size: receipt!.index + 1,
  })
})

test('what a platform answers in place of a receipt of this message is refused, and nothing is delivered', async () => {
  const device = await agentOf(sender!)
  const kept: Receipt[] = []
  const keep = (receipt: Receipt) => void kept.push(receipt)
  const answering = async (change: (reply: Reply) => unknown): Promise<Agent> => {
    const fetch: AgentHome['fetch'] = async (url, init) => {
      const answer = await hub!.fetch(url, init)
      return Response.json(change((await answer.json()) as Reply), { status: answer.status })
    }
    return agentOf(hub!, { journal: new PlatformJournal({ ...hub!, fetch, keep }) })
  }
  interface Reply {
    readonly receipt: { readonly index: number; readonly proof: readonly string[]; readonly checkpoint: string }
  }
  let before: Reply | undefined
  const attacks: [(reply: Reply) => unknown, string][] = [
    [
      reply => {
        before = reply
        return {}
      },
      'bad-proof',
    ],
    // Of another message: in the ledger, and signed.
    [() => before, 'bad-proof'],
    [() => 'x', 'bad-proof'],
    [({ receipt }) => ({ receipt: { ...receipt, index: receipt.index - 1 } }), 'bad-proof'],
    [({ receipt }) => ({ receipt: { ...receipt, proof: [] } }), 'bad-proof'],
    [
      ({ receipt }) => ({
        receipt: {
          ...receipt,
          checkpoint: receipt.checkpoint.replace(/(?<=\n— \S+ .{20})./u, c => (c === 'A' ? 'B' : 'A')),
        },
      }),
      'bad-checkpoint',
    ],
    [({ receipt }) => ({ receipt: { ...receipt, origin: 'other.mintmark.test/ledger' } }), 'bad-checkpoint'],
  ]
  for (const [attack, code] of attacks) {
    const service = await answering(attack)
    const message = await device.send({ to: service.did, payload: 'x', scope: 'telemetry:write' })
    await expect(service.receive(message)).rejects.toMatchObject({ code })
  }
  expect(kept).toEqual([])
})

test('what the platform refuses, or does not answer, is not delivered', async () => {
  const device = await agentOf(sender!)
  const stranger = await Agent.create({ key: await makeKey(), now })
  // A registry that trusts more than the platform does.
  const lax = { lookup: async (key: string) => ({ ...(await hub!.registry.lookup(device.did, undefined))!, did: key }) }
  const service = await agentOf(hub!, { journal: new PlatformJournal(hub!), registry: hub!.registry })
  const send = (by: Agent, scope = 'telemetry:write') => by.send({ to: service.did, payload: 'x', scope })
  const loose = await agentOf(hub!, {
    journal: new PlatformJournal(hub!),
    registry: { lookup: async key => ({ ...(await lax.lookup(key)), covers: () => true }) },
  })
  await expect(loose.receive(await send(device, 'door:open'))).rejects.toMatchObject({ code: 'scope-refused' })
  await expect(service.receive(await send(stranger))).rejects.toMatchObject({ code: 'sender-unknown' })

  const away = new PlatformJournal({ url: hub!.url, fetch: () => Promise.reject(new Error('no network')) })
  const alone = await agentOf(hub!, { journal: away })
  await expect(alone.receive(await send(device))).rejects.toMatchObject({ code: 'unreachable' })

  // Recorded by another receiver of the same fleet first: this one does not have it, by the platform's word.
  const twin = await agentOf(hub!, { journal: new PlatformJournal(hub!) })
  const message = await send(device)
  await service.receive(message)
  await expect(twin.receive(message)).rejects.toMatchObject({ code: 'message-replayed' })
})

test('whoever is revoked hears no more, and is not let in again', async () => {
  const lost = await openEnrolled('lost-1')
  onTestFinished(() => lost.close())
  const heard = handedMessages(lost)
  const next = heard.next()
  next.catch(() => undefined)
  await new Promise(resolve => setTimeout(resolve, 200))
  await platform.revoke({ path: 'acme/device/lost-1' })
  await expect(next).rejects.toMatchObject({ code: 'unavailable' })
  await expect(handedMessages(lost).next()).rejects.toMatchObject({ code: 'unavailable' })
})

test('an answer that is no stream, a stream that breaks, and one that is silent', async () => {
  const url = 'https://platform.example.test'
  const answered = (chunks: string[], type = 'text/event-stream', status = 200, isOpen = false) => ({
    url,
    silence: isOpen ? 50 : 45_000,
    fetch: async (_: string, { signal }: RequestInit) => {
      const body = new ReadableStream<Uint8Array>({
        start(controller) {
          for (const chunk of chunks) controller.enqueue(new TextEncoder().encode(chunk))
          if (isOpen) signal?.addEventListener('abort', () => controller.error(signal.reason))
          else controller.close()
        },
      })
      return new Response(body, { status, headers: { 'content-type': type } })
    },
  })
  const all = async (options: Parameters<typeof handedMessages>[0]) => {
    const heard = []
    for await (const each of handedMessages(options)) heard.push(each.index)
    return heard
  }
  const event = (id: string, message: string) => `event: message\nid: ${id}\ndata: {"message":"${message}"}\n\n`
  expect(await all(answered([': listening\n\n', event('7', 'AAAA').slice(0, 9), event('7', 'AAAA').slice(9)]))).toEqual(
    [7],
  )
  await expect(all(answered(['{}'], 'application/json'))).rejects.toMatchObject({ code: 'unavailable' })
  await expect(all(answered([], 'text/event-stream', 429))).rejects.toMatchObject({ code: 'unavailable' })
  await expect(all(answered([], 'text/event-stream', 200, true))).rejects.toMatchObject({ code: 'unavailable' })
  await expect(all(answered([event('x', 'AAAA')]))).rejects.toMatchObject({ code: 'bad-json' })
  await expect(all(answered([event('1', '!')]))).rejects.toMatchObject({ code: 'bad-encoding' })
  await expect(all(answered(['data: '.padEnd(200_000, 'A')]))).rejects.toMatchObject({ code: 'too-large' })
})
