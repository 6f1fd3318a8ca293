// A thermometer may report, and may not open doors; once it is revoked it may do nothing.
import { Agent, MemoryTrustRegistry, Refused } from '@mintmark/agent'

const registry = new MemoryTrustRegistry()
const service = await Agent.create({ registry })
const device = await Agent.create()
registry.register(device.did, { scopes: ['floor3.*:report'] })

async function say(scope: string): Promise<string> {
  try {
    const message = await device.send({ to: service.did, payload: '', scope })
    return (await service.receive(message)).scope
  } catch (error) {
    if (!(error instanceof Refused)) throw error
    return error.code
  }
}

console.log('floor3.temperature:report ->', await say('floor3.temperature:report'))
console.log('floor4.temperature:report ->', await say('floor4.temperature:report'))
console.log('floor3.doors:open ->', await say('floor3.doors:open'))
registry.revoke(device.did)
console.log('revoked ->', await say('floor3.temperature:report'))
