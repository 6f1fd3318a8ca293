import { Refused } from '@mintmark/core/errors'
import { path, readName } from '@mintmark/core/names'
import type { Identity } from '@mintmark/core/proof'
import { change, noRights, readReason, readRights, sameRights } from '@mintmark/core/rules'
import type { Platform } from '../platform.ts'

/** What a device may do with messages. */
export interface RightsView {
  readonly device: string
  readonly scopes: readonly string[]
  /** Names of the fleet, or DIDs, that it may send to; null where it may send to all. */
  readonly recipients: readonly string[] | null
  /** Devices behind it that it speaks for. */
  readonly devices: readonly string[]
  /** It has no clock, and counts its messages. */
  readonly counts: boolean
  /** When it was said so, by whom, and why; null where nobody ever said anything. */
  readonly since: string | null
  readonly by: string | null
  readonly reason: string | null
}

export interface RightsInput {
  readonly scopes: readonly string[]
  readonly recipients?: readonly string[] | undefined
  readonly devices?: readonly string[] | undefined
  readonly counts?: boolean | undefined
  readonly reason?: string | undefined
}

interface Device {
  readonly fleet: string
  readonly name: string
}

export async function readDeviceRights(platform: Platform, { fleet, name }: Device): Promise<RightsView> {
  const { identity } = await readDeviceRecord(platform, { fleet, name })
  const row = await platform.store.rightsRow(identity)
  const { recipients = null, ...rights } = (await platform.store.rights(identity)) ?? noRights
  return {
    device: name,
    ...rights,
    recipients,
    since: row ? new Date(row.set_at).toISOString() : null,
    by: row?.set_by ?? null,
    reason: row?.reason ?? null,
  }
}

/** Says all that a device may do with messages from now on. What is so already adds no fact. */
export async function setDeviceRights(
  platform: Platform,
  by: Identity,
  device: Device,
  { recipients, devices = [], counts = false, ...input }: RightsInput,
): Promise<RightsView> {
  const rights = readRights({ scopes: input.scopes, recipients, devices, counts })
  const reason = input.reason === undefined ? undefined : readReason(input.reason)
  const { identity, standing } = await readDeviceRecord(platform, device)
  if (standing !== 'good') throw new Refused('standing-final')
  if (!sameRights((await platform.store.rights(identity)) ?? noRights, rights)) {
    const body = { identity, ...rights, reason }
    await platform.store.commit(
      change({ kind: 'scope.set', at: platform.now(), by: by.path, ledger: device.fleet, body }),
    )
    // Whoever committed the same before this may not have been told that it is so everywhere.
  } else await platform.store.settled()
  return readDeviceRights(platform, device)
}

async function readDeviceRecord({ store }: Platform, { fleet, name }: Device) {
  if (!(await store.fleet(fleet))) throw new Refused('fleet-unknown')
  const record = await store.record(path({ fleet, role: 'device', name: readName(name) }))
  if (record === undefined) throw new Refused('device-unknown')
  return record
}
