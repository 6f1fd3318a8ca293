import { refuses, same, suite } from '../../core/test/portable.ts'
import { Agent, MemoryTrustRegistry, type Received } from '../src/index.ts'
import { HttpTransport, Loopback, messageHandler, type Recipient } from '../src/transport/index.ts'

// Ways for messages with what every runtime has: fetch's Request and Response, and nothing but this process.

export const transport = suite('transport')

const scope = 'telemetry:write'

async function pair() {
  const registry = new MemoryTrustRegistry()
  const service = await Agent.create({ registry })
  const delivered: Received[] = []
  const recipient: Recipient = {
    agent: service,
    deliver: received => void delivered.push(received),
    refused: () => undefined,
  }
  const join = async (transport: ConstructorParameters<typeof HttpTransport>[0] | Loopback) => {
    const device = await Agent.create({
      transport: transport instanceof Loopback ? transport : new HttpTransport(transport),
    })
    registry.register(device.did, { scopes: [scope] })
    return (payload: string, what = scope) => device.send({ to: service.did, scope: what, payload })
  }
  return { recipient, delivered, join }
}

transport.test('in one process messages arrive in the order in which they were sent', async () => {
  const { recipient, delivered, join } = await pair()
  const loopback = new Loopback()
  const end = loopback.listen(recipient)
  const send = await join(loopback)
  for (const payload of ['1', '2', '3']) await send(payload)
  same(
    delivered.map(each => each.text()),
    ['1', '2', '3'],
  )
  await refuses('scope-refused', () => send('', 'doors:open'))
  await refuses('name-taken', () => loopback.listen(recipient))
  end()
  await refuses('unreachable', () => send(''))
})

transport.test('a handler of requests takes messages, and says why it takes none', async () => {
  const { recipient, delivered, join } = await pair()
  const handler = messageHandler(recipient)
  const asked: string[] = []
  const send = await join({
    url: 'https://service.example.test/messages',
    fetch: (url, init) => {
      asked.push(url)
      return handler(new Request(url, init))
    },
  })
  await send('warm')
  same([asked, delivered.map(each => each.text())], [['https://service.example.test/messages'], ['warm']])
  await refuses('scope-refused', () => send('', 'doors:open'))
  const statuses = []
  for (const init of [{}, { method: 'POST', body: 'x' }, { method: 'POST', body: new Uint8Array(98_305) }]) {
    const headers = { 'content-type': init.body === 'x' ? 'text/plain' : 'application/mint' }
    statuses.push((await handler(new Request('https://service.example.test/', { ...init, headers }))).status)
  }
  same(statuses, [405, 415, 413])
})
