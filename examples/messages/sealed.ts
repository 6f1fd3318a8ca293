// A doctor's report that only the ward reads: the relay between them checks who sent it and sees nothing of it.
import { Agent, MemoryTrustRegistry, Refused } from '@mintmark/agent'
import { EncryptionKeys, proveDisclosure } from '@mintmark/agent/seal'

const registry = new MemoryTrustRegistry()
const encryption = await EncryptionKeys.open()
const ward = await Agent.create({ registry, encryption })
const doctor = await Agent.create({ registry })
registry.register(doctor.did, { scopes: ['reports:write'] })
registry.register(ward.did, { scopes: [], encryption: await ward.announceEncryption() })

const report = { to: ward.did, payload: { patient: 'A. Berg', result: 'negative' }, scope: 'reports:write', seal: true }
const message = await doctor.send(report)
console.log('on the way:', new TextDecoder('latin1').decode(message).includes('Berg') ? 'readable' : 'not readable')

const received = await ward.receive(message)
console.log('at the ward:', JSON.stringify(received.json()), received.isSealed ? 'sealed' : 'plain')

// The receiver changes its key. What is under way to the old one is still read.
const underWay = await doctor.send(report)
await encryption.renew(Date.now())
registry.register(ward.did, { scopes: [], encryption: await ward.announceEncryption({ version: Date.now() + 1 }) })
console.log('under way:', (await ward.receive(underWay)).isSealed ? 'opened' : 'plain')

// Later, before a judge: the stored envelope and the disclosure, and no key.
const shown = await proveDisclosure(received.envelope, received.disclosure, doctor.did)
console.log('proven:', new TextDecoder().decode(shown.payload))

// Whoever announced no key gets nothing, and surely not in the clear.
try {
  await ward.send({ to: doctor.did, payload: 'thanks', scope: 'reports:write', seal: true })
} catch (error) {
  if (!(error instanceof Refused)) throw error
  console.log('to the doctor:', error.code)
}
