// Run by kill.test.ts, and killed: accepts messages as fast as the journal takes them, and says of each, by the digest of
// its body, when it is accepted.
import { hex } from '@mintmark/core/bytes'
import { readEnvelope } from '@mintmark/core/signed'
import { openKeyFile } from '@mintmark/elements'
import { Agent, MemoryTrustRegistry } from '../../src/index.ts'
import { FileJournal } from '../../src/node/index.ts'
import { origin } from './stand.ts'

const [directory = '', keyFile = ''] = process.argv.slice(2)
const journal = await FileJournal.open(directory, { origin, key: openKeyFile(keyFile) })
const registry = new MemoryTrustRegistry()
const service = await Agent.create({ registry, journal })
const device = await Agent.create()
registry.register(device.did, { scopes: ['telemetry:write'] })

async function accept(): Promise<never> {
  for (;;) {
    const sent = await device.send({ to: service.did, payload: 'warm', scope: 'telemetry:write' })
    const { envelope } = await service.receive(sent)
    process.stdout.write(`${hex(readEnvelope(envelope).claims.digest)}\n`)
  }
}
await Promise.all(Array.from({ length: 24 }, accept))
