// Somebody who listened sends the same bytes again.
import { Agent, MemoryTrustRegistry, Refused } from '@mintmark/agent'

const registry = new MemoryTrustRegistry()
const service = await Agent.create({ registry })
const device = await Agent.create()
registry.register(device.did, { scopes: ['doors:open'] })

const message = await device.send({ to: service.did, payload: 'the front door', scope: 'doors:open' })
console.log('first:', (await service.receive(message)).text())

try {
  await service.receive(message)
} catch (error) {
  if (!(error instanceof Refused)) throw error
  console.log('again:', error.code)
}
