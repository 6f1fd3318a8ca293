import { readHex } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import { checkSignature, type Verify, webCryptoVerify } from '@mintmark/core/keys'
import { readEnvelope, readMessage } from '@mintmark/core/signed'
import { same, suite } from '../../core/test/portable.ts'
import { Agent, MemoryTrustRegistry, type TrustRegistry } from '../src/index.ts'
import { audience, didOf, type Edge, issued, messageOf, namedKey, scope } from './edge-envelope.ts'
import { edges } from './vectors/edges.ts'

// Signatures and keys at the edges of their definitions, where libraries disagree. Each runtime says what it made of
// each of them, and all must say the same (packages/testing/test/runtimes.test.ts).

export const edgeSuite = suite('edges')

for (const edge of edges) {
  edgeSuite.test(edge.name, async () => {
    const verdict = await verdictOf(edge, webCryptoVerify)
    same(verdict, expected(edge))
    return verdict
  })
}

/** What becomes of the key where it is registered, of its message, and of the bare signature. */
export async function verdictOf(edge: Edge, verify: Verify): Promise<string> {
  const registered = await codeOf(() => {
    new MemoryTrustRegistry().register(didOf(edge.algorithm, readHex(edge.raw)), { scopes: [scope] })
    return 'registered'
  })
  return [registered, await received(edge, verify), await checked(edge, verify)].join()
}

export function expected({ verdict, algorithm, raw }: Edge): string {
  if (verdict === 'key-refused') return [isTwoNames(raw) ? 'bad-did' : verdict, verdict, verdict].join()
  const isKey = algorithm === 'P-256' || raw.length === 64
  return [
    isKey ? 'registered' : 'bad-did',
    verdict,
    verdict === 'bad-envelope' ? verdict : verdict === 'accepted',
  ].join()
}

/** y of p or more: a second encoding of what has one already. */
const isTwoNames = (raw: string): boolean => /^(e[d-f]|f.)(ff){30}[7f]f$/.test(raw)

/** By an agent whose registry brings whatever key is named, as one that checks nothing would. */
async function received(edge: Edge, verify: Verify): Promise<string> {
  const key = namedKey(edge.algorithm, readHex(edge.raw))
  const registry: TrustRegistry = {
    lookup: (did: string) => ({
      ...{ did, key, standing: 'good', covers: () => true, recipients: undefined, isCounted: false },
      ...{ devices: new Set(), madeAt: issued, encryption: undefined },
    }),
  }
  const agent = await Agent.create({ registry, verify, audiences: [audience], now: () => issued })
  return codeOf(async () => {
    await agent.receive(await messageOf(edge))
    return 'accepted'
  })
}

async function checked(edge: Edge, verify: Verify): Promise<string> {
  const key = namedKey(edge.algorithm, readHex(edge.raw))
  return codeOf(async () => {
    const { envelope } = readMessage(await messageOf(edge), 100)
    const { signed, signature } = readEnvelope(envelope.bytes)
    return String(await checkSignature(verify, key, signed, signature))
  })
}

async function codeOf(run: () => string | Promise<string>): Promise<string> {
  try {
    return await run()
  } catch (error) {
    if (error instanceof Refused) return error.code
    throw error
  }
}
