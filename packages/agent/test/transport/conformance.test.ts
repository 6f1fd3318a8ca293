import { setTimeout as sleep } from 'node:timers/promises'
import { readDidKey } from '@mintmark/core/keys'
import { afterEach, describe, expect, test } from 'vitest'
import {
  Agent,
  type AgentOptions,
  MemoryNonceStore,
  MemoryTrustRegistry,
  makeKey,
  type Outgoing,
  type Received,
  type Refused,
} from '../../src/index.ts'
import { type Open, type Way, ways } from './ways.ts'

// What every way for messages does alike. MQTT alone does not tell a sender what became of its message.

const scope = 'telemetry:write'
let opened: Open | undefined
afterEach(async () => {
  await opened?.close()
  opened = undefined
})

/** A receiver behind this way, and a sender that it knows. */
async function pair(way: Way, options: { timeout?: number; sender?: AgentOptions; receiver?: AgentOptions } = {}) {
  const registry = new MemoryTrustRegistry()
  const service = await Agent.create({ registry, ...options.receiver })
  const [delivered, refused]: [Received[], Refused[]] = [[], []]
  const application: { take: (received: Received) => void | Promise<void> } = { take: () => undefined }
  opened = await way.open(
    {
      agent: service,
      deliver: async received => {
        await application.take(received)
        delivered.push(received)
      },
      refused: why => refused.push(why),
    },
    options.timeout,
  )
  const { transport } = opened
  const device = await Agent.create({ transport, ...options.sender })
  registry.register(device.did, { scopes: [scope] })
  const to = service.did
  const send = (payload: Outgoing['payload'], more: Partial<Outgoing> = {}) =>
    device.send({ to, scope, payload, ...more })
  return { registry, device, transport, to, send, delivered, refused, application }
}

const until = async (isSo: () => boolean): Promise<void> => {
  while (!isSo()) await sleep(5)
}

for (const way of ways) {
  describe.skipIf(way.missing)(way.missing ? `${way.name} (${way.missing})` : way.name, () => {
    test('delivers what was sent, and the sender is who signed', async () => {
      const { send, delivered, device } = await pair(way)
      await send({ celsius: 21.5 })
      await until(() => delivered.length === 1)
      expect(delivered[0]!.from).toBe(device.did)
      expect(delivered[0]!.json()).toEqual({ celsius: 21.5 })
    })

    test('keeps the order, also where the receiver is slow with the first', async () => {
      const { device, transport, to, delivered, application } = await pair(way)
      application.take = received => sleep(received.text() === '0' ? 50 : 0)
      const messages = await signed(device, transport, to, 200)
      // Over HTTP each is waited for; the others have an order of their own.
      const sent = []
      for (const message of messages) {
        const one = transport.deliver(message, to)
        sent.push(one)
        if (way.name === 'HTTP') await one
      }
      await Promise.all(sent)
      await until(() => delivered.length === messages.length)
      expect(delivered.map(each => each.text())).toEqual(messages.map((_, i) => `${i}`))
    })

    test('carries the largest body there is, and JWS', async () => {
      const { send, device, to, delivered } = await pair(way)
      await send(new Uint8Array(65_520).fill(7))
      await device.send({ to, scope, payload: new Uint8Array(65_520) }, { form: 'jws' })
      await until(() => delivered.length === 2)
      expect(delivered.map(each => each.payload.length)).toEqual([65_520, 65_520])
    })

    test('what is refused goes back to the sender with its code, and is told to the receiver', async () => {
      const { send, refused, registry, device, delivered } = await pair(way)
      const refusals = [
        ['scope-refused', () => send('', { scope: 'doors:open' })],
        ['gateway-refused', () => send('', { onBehalfOf: 'sensor-7' })],
        ['too-large', () => send(new Uint8Array(65_521))],
        ['revoked', () => send('')],
      ] as const
      for (const [code, attempt] of refusals) {
        if (code === 'revoked') registry.revoke(device.did)
        if (way.answers) await expect(attempt()).rejects.toMatchObject({ code })
        else await attempt()
        await until(() => refused.at(-1)?.code === code)
      }
      expect(refused.map(why => why.code)).toEqual(refusals.map(([code]) => code))
      expect(delivered).toEqual([])
    })

    test('a message that comes again, or was changed, or is to another one, is not delivered', async () => {
      const { device, to, delivered, refused, transport } = await pair(way)
      const aside = await Agent.create()
      const message = await device.send({ to, scope, payload: 'once' })
      const other = await (await Agent.create()).send({ to: aside.did, scope, payload: '' })
      const attempts = [
        ['message-replayed', message],
        ['body-refused', message.with(-1, message.at(-1)! ^ 1)],
        ['other-audience', other],
        ['bad-envelope', new Uint8Array([0xd2, 0, 1])],
      ] as const
      for (const [code, bytes] of attempts) {
        const attempt = transport.deliver(bytes, to)
        if (way.answers) await expect(attempt).rejects.toMatchObject({ code })
        else await attempt
      }
      // A broker may send a message twice, so there that is nothing to be told of.
      const due = attempts.map(([code]) => code).filter(code => way.answers || code !== 'message-replayed')
      await until(() => refused.length === due.length)
      expect(refused.map(why => why.code)).toEqual(due)
      expect(delivered.map(each => each.text())).toEqual(['once'])
    })

    test('what is longer than any message is refused, and what follows is taken', async () => {
      const { send, transport, to, delivered } = await pair(way)
      const tooLong = new Uint8Array(98_305).fill(0xd2)
      // The connection of a WebSocket ends with what nobody would read, and is made again.
      const code = way.name === 'WebSocket' ? 'unreachable' : 'too-large'
      await expect(transport.deliver(tooLong, to)).rejects.toMatchObject({ code })
      while (!(await send('after').then(Boolean, () => sleep(20, false))));
      await until(() => delivered.length === 1)
      expect(delivered[0]!.text()).toBe('after')
    })

    test('where nobody is, it is unreachable', async () => {
      const { send } = await pair(way, { timeout: 2_000 })
      await send('there')
      await opened!.end()
      await expect(send('gone')).rejects.toMatchObject({ code: 'unreachable' })
    })

    if (!way.answers) return

    test('what the application throws is broken, and nothing of it is told', async () => {
      const { send, application, refused } = await pair(way)
      application.take = () => {
        throw new Error('the password is 1234')
      }
      const why = await send('').catch((error: Refused) => error)
      expect(why).toMatchObject({ code: 'broken' })
      expect(refused).toMatchObject([{ code: 'broken', cause: { message: 'the password is 1234' } }])
      // In one process it is one error.
      if (way.name !== 'loopback') expect(`${why} ${(why as Error).cause}`).not.toContain('1234')
    })

    test('what the registry knows is told to who holds the key, and to nobody else', async () => {
      const { device, to, transport, registry } = await pair(way)
      const stranger = await Agent.create()
      const impostor = await Agent.create({ key: signsAs(device.did) })
      const answer = async (agent: Agent, what: string) => {
        const message = await agent.send({ to, scope: what, payload: '' })
        return transport.deliver(message, to).catch((error: Refused) => error.code)
      }
      const told = [
        await answer(stranger, scope),
        await answer(impostor, scope),
        await answer(impostor, 'doors:open'),
        registry.revoke(device.did) ?? (await answer(impostor, scope)),
      ]
      const known = ['sender-unknown', 'envelope-signature', 'scope-refused', 'revoked']
      expect(told).toEqual(way.name === 'loopback' ? known : known.map(() => 'refused'))
    })

    test('a receiver that has just started gets it again by itself, in a new envelope', async () => {
      const clock = { at: Date.UTC(2026, 5, 1) }
      const now = () => clock.at
      const waited: number[] = []
      const { send, delivered, refused } = await pair(way, {
        sender: {
          key: await makeKey(),
          // Behind by three seconds.
          now: () => clock.at - 3_000,
          wait: async milliseconds => {
            waited.push(milliseconds)
            clock.at += milliseconds
          },
        },
        receiver: { now, nonces: new MemoryNonceStore({ now }) },
      })
      await send('by a key that is older than the receiver')
      expect(delivered.map(each => each.issued)).toEqual([clock.at - 3_000])
      expect(refused.map(why => why.code)).toEqual(['message-fresh'])
      expect(waited).toHaveLength(1)
    })

    test('it is sent again once, and what counts is not', async () => {
      const now = () => Date.UTC(2026, 5, 1)
      let waits = 0
      const { send, refused, registry, device } = await pair(way, {
        sender: { key: await makeKey(), now, wait: async () => void waits++ },
        receiver: { now, nonces: new MemoryNonceStore({ now }) },
      })
      await expect(send('')).rejects.toMatchObject({ code: 'message-fresh' })
      expect([waits, refused.length]).toEqual([1, 2])
      registry.register(device.did, { scopes: [scope], sequence: true })
      await expect(send('', { sequence: 4 })).rejects.toMatchObject({ code: 'message-fresh' })
      expect([waits, refused.length]).toEqual([1, 3])
    })
  })
}

/** Messages of this sender that are not on their way yet: `0`, `1`, ... */
async function signed(device: Agent, transport: Open['transport'], to: string, count: number): Promise<Uint8Array[]> {
  const messages: Uint8Array[] = []
  const deliver = transport.deliver
  transport.deliver = async () => undefined
  for (let i = 0; i < count; i++) messages.push(await device.send({ to, scope, payload: `${i}` }))
  transport.deliver = deliver
  return messages
}

/** A key that says that it is another one's, and cannot sign as it. */
const signsAs = (did: string) => ({ publicKey: readDidKey(did), sign: async () => new Uint8Array(64).fill(1) })
