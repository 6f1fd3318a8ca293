// A device says something to a service, and the service knows that it was this device, and that it says it now.
import { Agent, MemoryTrustRegistry } from '@mintmark/agent'

const registry = new MemoryTrustRegistry()
const service = await Agent.create({ registry })
const device = await Agent.create()
registry.register(device.did, { scopes: ['telemetry:write'] })

const message = await device.send({ to: service.did, payload: { celsius: 21.5 }, scope: 'telemetry:write' })
const received = await service.receive(message)

console.log(`${message.length} bytes from ${received.from}: ${received.text()}`)
