// Two sensors that cannot sign hand their readings to a gateway on their network. It signs, on behalf of each.
import { Agent, MemoryTrustRegistry } from '@mintmark/agent'
import { GatewayTransport, readingHandler, readReading } from '@mintmark/agent/gateway'
import { serveHttp } from '@mintmark/agent/node'
import { HttpTransport, messageHandler } from '@mintmark/agent/transport'

// The service knows one gateway, and which devices are behind it.
const registry = new MemoryTrustRegistry()
const service = await Agent.create({ registry })
const receiving = await serveHttp(
  messageHandler({
    agent: service,
    deliver: received => {
      const { device, data } = readReading(received)
      process.stdout.write(`${device}: ${new TextDecoder().decode(data)}\n`)
    },
    refused: why => process.stdout.write(`the service: ${why.code}\n`),
  }),
)

const agent = await Agent.create({ transport: new HttpTransport({ url: `http://127.0.0.1:${receiving.port}/` }) })
registry.register(agent.did, { scopes: ['telemetry:write'], devices: ['sensor-7'] })

const gateway = new GatewayTransport({
  agent,
  to: service.did,
  devices: { 'sensor-7': { scope: 'telemetry:write' }, 'sensor-8': { scope: 'telemetry:write' } },
  told: (why, { device }, fate) => process.stdout.write(`the gateway: ${device} ${why.code}, ${fate}\n`),
})
const [seven, eight] = [crypto.randomUUID(), crypto.randomUUID()]
const door = await serveHttp(
  readingHandler({
    gateway,
    devices: { 'sensor-7': { secret: seven }, 'sensor-8': { secret: eight } },
    refused: why => process.stdout.write(`the door: ${why.code}\n`),
  }),
)

async function post(device: string, secret: string, body: string): Promise<void> {
  const headers = { authorization: `Bearer ${secret}` }
  await fetch(`http://127.0.0.1:${door.port}/readings/${device}`, { method: 'POST', body, headers })
  await gateway.emptied()
}
await post('sensor-7', seven, '21.5')
await post('sensor-7', eight, '99.9')
await post('sensor-8', eight, '20.0')

await door.close()
await gateway.close()
await receiving.close()
