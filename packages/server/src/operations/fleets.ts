import { hex } from '@mintmark/core/bytes'
import {
  type CeremonyItem,
  readCeremonyAnswer,
  readCeremonyRequest,
  requestOf,
  writeCeremonyRequest,
} from '@mintmark/core/ceremony'
import { Refused } from '@mintmark/core/errors'
import { admitSpki } from '@mintmark/core/keys'
import { readFleetName } from '@mintmark/core/names'
import type { Identity } from '@mintmark/core/proof'
import { change, messagePace, readLateRenewal, readMessagesPerMinute, readReason } from '@mintmark/core/rules'
import { nodeSha256 } from '@mintmark/elements'
import type { Platform } from '../platform.ts'
import type { Row } from '../store/index.ts'
import { authorityItem, authorityLifetime } from './found.ts'

export interface FleetView {
  readonly fleet: string
  readonly state: 'pending' | 'active'
  readonly public: boolean
  readonly created: string
  /** Milliseconds for which its devices may renew after their certificate's end; 0 is never. */
  readonly lateRenewal: number
  /** How many messages of one key are recorded. */
  readonly messagesPerMinute: number
}

/** What is not said stays as it is. */
export interface FleetPolicy {
  readonly lateRenewal?: number | undefined
  readonly messagesPerMinute?: number | undefined
  readonly reason?: string | undefined
}

/** Makes a fleet's issuing key in the keeper. The fleet is pending until the offline root has signed its charter. */
export async function createFleet(
  platform: Platform,
  by: Identity,
  input: { readonly name: string; readonly public: boolean; readonly reason?: string | undefined },
): Promise<FleetView> {
  const fleet = readFleetName(input.name)
  const reason = input.reason === undefined ? undefined : readReason(input.reason)
  if (await platform.store.fleet(fleet)) throw new Refused('fleet-exists')
  const { publicKey } = await platform.keeper.provide(`fleet-ca-${fleet}`)
  const ledger = await platform.keeper.provide(`ledger-${fleet}`)
  const body = { fleet, key: publicKey.spki, ledgerKey: ledger.publicKey.raw, public: input.public, reason }
  const at = platform.now()
  await platform.store.commit(change({ kind: 'fleet.created', at, by: by.path, ledger: 'platform', body }))
  if (platform.rehearse) await rehearseCeremony(platform, platform.rehearse)
  return readFleet(platform, fleet)
}

export async function readFleet(platform: Platform, name: string): Promise<FleetView> {
  const row = await platform.store.fleet(readFleetName(name))
  if (row === undefined) throw new Refused('fleet-unknown')
  return fleetView(row)
}

/** @param sees whether whoever asks may see a fleet */
export async function listFleets(
  platform: Platform,
  sees: (fleet: string) => boolean,
): Promise<{ fleets: FleetView[] }> {
  return { fleets: (await platform.store.fleets()).filter(({ name }) => sees(name)).map(fleetView) }
}

/**
 * Says what holds for every device of a fleet from now on. What already is so adds no fact.
 * @throws Refused `bad-request` where nothing is said, `bad-number`, `fleet-unknown`
 */
export async function setPolicy(
  platform: Platform,
  by: Identity,
  name: string,
  policy: FleetPolicy,
): Promise<FleetView> {
  const [late, pace] = [policy.lateRenewal, policy.messagesPerMinute]
  if (late === undefined && pace === undefined) throw new Refused('bad-request', 'no policy')
  const said = {
    lateRenewal: late === undefined ? undefined : readLateRenewal(late),
    messagesPerMinute: pace === undefined ? undefined : readMessagesPerMinute(pace),
  }
  const reason = policy.reason === undefined ? undefined : readReason(policy.reason)
  const { fleet, ...before } = await readFleet(platform, name)
  const unlessSo = (field: keyof typeof said) => (said[field] === before[field] ? undefined : said[field])
  const [lateRenewal, messagesPerMinute] = [unlessSo('lateRenewal'), unlessSo('messagesPerMinute')]
  if (lateRenewal !== undefined || messagesPerMinute !== undefined) {
    const body = { lateRenewal, messagesPerMinute, reason }
    const at = platform.now()
    await platform.store.commit(change({ kind: 'fleet.policy', at, by: by.path, ledger: fleet, body }))
  }
  return readFleet(platform, fleet)
}

/** With a development root the ceremony is rehearsed at once: the same request, answer and merge. */
export async function rehearseCeremony(
  platform: Platform,
  rehearse: (request: Uint8Array) => Promise<Uint8Array>,
): Promise<void> {
  const request = await requestCeremony(platform)
  if (!request) return
  try {
    await mergeCeremony(platform, 'platform', await rehearse(request))
  } catch (error) {
    // A rehearsal at the same moment asked for all that waited, and was quicker.
    if (!(error instanceof Refused && error.code === 'already-done')) throw error
  }
}

/** What waits for the offline root: for each pending fleet its CA and its charter. Undefined when nothing waits. */
export async function requestCeremony(platform: Platform): Promise<Uint8Array | undefined> {
  const pending = (await platform.store.fleets()).filter(({ state }) => state === 'pending')
  const { trust, keeper, random } = platform
  const now = platform.now()
  const items: CeremonyItem[] = []
  for (const { name: fleet } of pending) {
    const key = keeper.key(`fleet-ca-${fleet}`)
    // From custody: a key that someone wrote into the tables must not get the root's signature.
    const ledgerKey = keeper.key(`ledger-${fleet}`).publicKey.raw
    const until = Math.min(now + authorityLifetime, trust.root.notAfter)
    items.push(await authorityItem({ key, domain: trust.domain, use: 'fleet', fleet, now, until, random }), {
      kind: 'charter',
      charter: {
        domain: trust.domain,
        fleet,
        version: 1,
        authority: key.publicKey.id,
        ledgerKey,
        releaseRoot: undefined,
        issued: now,
      },
    })
  }
  if (items.length === 0) return undefined
  return writeCeremonyRequest({ domain: trust.domain, created: now, anchor: hex(nodeSha256(trust.root.der)), items })
}

/**
 * Merges what came back over the air gap: every pending fleet whose CA and charter the root signed becomes active.
 * The answer carries its request, and both are held against our own state, so no memory of asking is needed.
 */
export async function mergeCeremony(
  platform: Platform,
  by: string,
  answerBytes: Uint8Array,
): Promise<{ activated: string[] }> {
  const { store, trust, verify } = platform
  const request = await readCeremonyRequest(requestOf(answerBytes), verify)
  if (request.anchor !== hex(nodeSha256(trust.root.der))) throw new Refused('bad-answer', 'for another root')
  const answer = await readCeremonyAnswer(answerBytes, request, platform.now(), verify)
  const activated: string[] = []
  for (const { item, signed: certificate } of answer.items) {
    if (item.kind !== 'authority' || item.fleet === undefined) continue
    const row = await store.fleet(item.fleet)
    if (row === undefined) throw new Refused('fleet-unknown', item.fleet)
    // Two requests may have been out; whichever came back first activated the fleet.
    if (row.state === 'active') continue
    const charter = answer.items.find(({ item: other }) => other.kind === 'charter' && isCharterOf(other.charter, row))
    if (!charter || !item.request.publicKey.equals(admitSpki(row.authority_key))) {
      throw new Refused('bad-answer', `the CA or the charter is not that of fleet ${item.fleet}`)
    }
    const body = { certificate, charter: charter.signed }
    const fact = change({ kind: 'fleet.activated', at: platform.now(), by, ledger: item.fleet, body })
    if (await committed(store.commit(fact))) activated.push(item.fleet)
  }
  if (activated.length === 0) throw new Refused('already-done')
  return { activated }
}

/** Whether it was this commit that activated the fleet, and not another merge at the same moment. */
const committed = (receipt: Promise<unknown>): Promise<boolean> =>
  receipt.then(
    () => true,
    (error: unknown) => {
      if (error instanceof Refused && error.code === 'already-done') return false
      throw error
    },
  )

const isCharterOf = (
  charter: { readonly fleet: string; readonly authority: string; readonly ledgerKey: Uint8Array },
  row: Row<'fleet'>,
): boolean =>
  charter.fleet === row.name &&
  charter.authority === admitSpki(row.authority_key).id &&
  hex(charter.ledgerKey) === hex(row.ledger_key)

const fleetView = (row: Row<'fleet'>): FleetView => ({
  fleet: row.name,
  state: row.state as FleetView['state'],
  public: row.public === 1,
  created: new Date(row.created).toISOString(),
  lateRenewal: row.late_renewal,
  messagesPerMinute: row.messages_per_minute ?? messagePace.ofOne,
})
