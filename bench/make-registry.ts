import { generateKeyPair } from 'node:crypto'
import { existsSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { promisify } from 'node:util'
import { admitSpki, type PublicKey } from '@mintmark/core/keys'
import { provePermit } from '@mintmark/core/proof'
import { decideEnrollment, enrolled, permitBounds } from '@mintmark/core/rules'
import { readToken } from '@mintmark/core/signed'
import { nodeSha256, randomBytes } from '@mintmark/elements'
import { dataFiles, domainOf } from '@mintmark/server'
import { RegistryChanges } from '../packages/server/src/operations/registry-changes.ts'
import { Sessions } from '../packages/server/src/operations/sessions.ts'
import { issuance, issue, type Platform, readTrust } from '../packages/server/src/platform.ts'
import { Relay } from '../packages/server/src/relay/relay.ts'
import { openData } from '../packages/server/src/start.ts'
import { serverVerify } from '../packages/server/src/verify.ts'
import { startMintmark } from './mintmark.ts'

export interface Made {
  /** In the registry now. */
  readonly devices: number
  /** Just now; the rest were there. */
  readonly made: number
  readonly seconds: number
}

const group = 1_024

/**
 * Brings fleet `bench` of a data directory to this many devices by the rules that enrollment goes by: a permit proven
 * and spent, a grant decided, a certificate signed by the fleet's CA, the fact committed. Only the network and the proof
 * of possession are left out. Key pairs are fresh, names are what a device gets that asks for none.
 */
export async function makeRegistry(data: string, devices: number): Promise<Made> {
  const begun = performance.now()
  const there = countDevices(data)
  if (there >= devices) return { devices: there, made: 0, seconds: 0 }
  const tokens = await makeTokens(data, devices - there)
  const ports = { data, domain: domainOf(data)!, now: Date.now, random: randomBytes }
  const { store, keeper } = await openData(ports)
  try {
    const trust = await readTrust(store, Date.now(), serverVerify)
    const changes = new RegistryChanges(store, () => undefined)
    const sessions = new Sessions(ports)
    const platform: Platform = {
      ...ports,
      store,
      keeper,
      trust,
      verify: serverVerify,
      changes,
      relay: new Relay(),
      sessions,
    }
    for (let left = devices - there; left > 0; ) {
      const uses = Math.min(left, permitBounds.uses)
      await spend(platform, tokens.pop()!, uses)
      left -= uses
    }
  } finally {
    await store.close()
  }
  return { devices, made: devices - there, seconds: (performance.now() - begun) / 1000 }
}

/** By a platform as it is shipped, which is founded where the directory is new. */
async function makeTokens(data: string, uses: number): Promise<string[]> {
  const platform = await startMintmark(data)
  try {
    const tokens: string[] = []
    for (let left = uses; left > 0; left -= permitBounds.uses) {
      tokens.push(await platform.token(Math.min(left, permitBounds.uses)))
    }
    return tokens.reverse()
  } finally {
    await platform.stop()
  }
}

async function spend(platform: Platform, token: string, uses: number): Promise<void> {
  const { id, secret } = readToken(token)
  const permit = (await platform.store.permit(Buffer.from(id).toString('base64url')))!
  const holder = provePermit(permit, secret, nodeSha256)
  const enroll = async (publicKey: PublicKey): Promise<void> => {
    const grant = decideEnrollment(holder, permit, publicKey, undefined, issuance(platform, 'bench', 'device'))
    const { der } = await issue(platform, grant)
    await platform.store.commit(enrolled(grant, der, platform.now()))
  }
  let keys = makeKeys(Math.min(group, uses))
  for (let left = uses; left > 0; left -= group) {
    const these = await keys
    // On other threads, while these are committed.
    keys = makeKeys(Math.min(group, Math.max(0, left - group)))
    await Promise.all(these.map(enroll))
  }
}

const generate = promisify(generateKeyPair)

/** Half of them as software keys are, half as secure elements have them. */
function makeKeys(count: number): Promise<PublicKey[]> {
  return Promise.all(
    Array.from({ length: count }, async (_, i) => {
      const pair = i % 2 === 0 ? generate('ed25519') : generate('ec', { namedCurve: 'P-256' })
      const { publicKey } = await pair
      return admitSpki(new Uint8Array(publicKey.export({ type: 'spki', format: 'der' })))
    }),
  )
}

function countDevices(data: string): number {
  const { database } = dataFiles(data)
  if (!existsSync(database)) return 0
  const db = new DatabaseSync(database, { readOnly: true })
  const row = db.prepare('select count(*) as devices from registry where identity > ? and identity < ?')
  const { devices } = row.get('bench/device/', 'bench/device0') as { devices: number }
  db.close()
  return devices
}
