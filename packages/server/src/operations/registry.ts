import { base64url, hex, readBase64url } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import { admitSpki, didKey, readDidKey } from '@mintmark/core/keys'
import { path, readFleetName, readName, readPath, spiffeId } from '@mintmark/core/names'
import { noRights, useOf } from '@mintmark/core/rules'
import { shortIdOf } from '@mintmark/core/signed'
import type { Platform } from '../platform.ts'
import type { RecordWithKeys } from '../store/index.ts'
import { webDid } from '../web-did.ts'

/** What whoever receives messages must know of a sender, or of whom it seals for. */
export interface RegistryView {
  /** SPIFFE ID. */
  readonly identity: string
  /** Of the current key. */
  readonly did: string
  /** Of the key that was asked for: the name's standing, or `superseded`, or `pending`. */
  readonly standing: string
  readonly since: string
  readonly tier: string
  readonly scopes: readonly string[]
  /** Each name under which somebody it may send to can be addressed now; null where it may send to all. */
  readonly recipients: readonly string[] | null
  readonly devices: readonly string[]
  /** It counts its messages. */
  readonly sequence: boolean
  /** When the current key was first recorded. */
  readonly made: string
  /** The statement of what messages to it are sealed to, by its current key, base64url; null where there is none. */
  readonly encryption: string | null
}

/**
 * @param name a did:key, a short id, or the did:web of a device
 * @param sees whether whoever asks may see the fleet; a name of any other is as unknown as one of nobody, and as quickly
 */
export async function readRegistryEntry(
  platform: Platform,
  sees: (fleet: string) => boolean,
  name: string,
): Promise<RegistryView> {
  const { key, row } = await find(platform, sees, name)
  if (row === undefined || !sees(row.fleet)) throw new Refused('unknown')
  const { store, trust } = platform
  const [rights, current, sealing] = await Promise.all([
    row.standing === 'good' ? store.rights(row.identity) : undefined,
    store.keyOwner(row.key),
    store.sealing(row.identity),
  ])
  const { scopes, recipients, devices, counts } = rights ?? noRights
  // A key that its name no longer uses has no standing of its own.
  const use = useOf(row, key ?? row.key) ?? 'superseded'
  return {
    identity: spiffeId(trust.domain, readPath(row.identity)),
    did: didKey(admitSpki(row.spki)),
    standing: use === 'current' || (use === 'pending' && row.standing !== 'good') ? row.standing : use,
    since: new Date(row.standing_at).toISOString(),
    tier: row.tier,
    scopes,
    recipients: recipients === undefined ? null : await addresses(platform, row.fleet, recipients),
    devices,
    sequence: counts,
    made: new Date(current!.since).toISOString(),
    // Another key of the name did not sign it.
    encryption: sealing?.key === row.key ? base64url(sealing.statement) : null,
  }
}

interface Found {
  /** The key that was asked for, where one was. */
  readonly key?: string | undefined
  readonly row: RecordWithKeys | undefined
}

async function find({ store, trust }: Platform, sees: (fleet: string) => boolean, name: string): Promise<Found> {
  if (name.startsWith('did:web:')) {
    return { row: await store.recordWithKeys(readWebDid(trust.domain, name)) }
  }
  if (shortForm.test(name)) return findShort(store, sees, hex(readBase64url(name)))
  const { id } = readDidKey(name)
  const owner = await store.keyOwner(id)
  return { key: id, row: await store.recordWithKeys(owner?.identity ?? '') }
}

const shortForm = /^[A-Za-z0-9_-]{10}[AEIMQUYcgkosw048]$/

/** Half of a key id can be made to fit by whoever has a very large machine: whoever was here first keeps it. */
async function findShort(store: Platform['store'], sees: (fleet: string) => boolean, begin: string): Promise<Found> {
  const keys = (await store.keysThatBegin(begin)).filter(({ ledger }) => sees(ledger))
  const [first] = keys.sort((a, b) => a.since - b.since || a.idx - b.idx)
  return { key: first?.id, row: await store.recordWithKeys(first?.identity ?? '') }
}

function readWebDid(domain: string, did: string): string {
  const [, , host, fleets, fleet = '', devices, name = '', ...rest] = did.split(':')
  if (host !== domain || fleets !== 'fleets' || devices !== 'devices' || rest.length > 0) {
    throw new Refused('bad-did', 'not of a device here')
  }
  try {
    return path({ fleet: readFleetName(fleet), role: 'device', name: readName(name) })
  } catch (cause) {
    throw new Refused('bad-did', 'not of a device here', { cause })
  }
}

/** All DIDs and short ids that mean one of these now: names of the fleet, and DIDs as they are. */
async function addresses(platform: Platform, fleet: string, recipients: readonly string[]): Promise<string[]> {
  const all = recipients.map(async recipient => {
    if (recipient.startsWith('did:')) return [recipient]
    const row = await platform.store.recordWithKeys(path({ fleet, role: 'device', name: recipient }))
    if (row?.standing !== 'good') return []
    const key = admitSpki(row.spki)
    return [webDid(platform.trust.domain, fleet, recipient), didKey(key), shortIdOf(key)]
  })
  return [...new Set((await Promise.all(all)).flat())]
}
