import { hex, type Json, readJson, utf8 } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import { path, readName } from '@mintmark/core/names'
import type { Identity } from '@mintmark/core/proof'
import {
  type Change,
  change,
  configTargets,
  effectiveText,
  labelsOf,
  readConfigTarget,
  readReason,
  writeConfiguration,
} from '@mintmark/core/rules'
import { nodeSha256 } from '@mintmark/elements'
import type { Platform } from '../platform.ts'
import type { Row } from '../store/index.ts'

/** A configuration as it was set for a target; nothing, with version 0, where none ever was. */
export interface ConfigurationView {
  /** `fleet`, `label:site=berlin` or `device:device-104`. */
  readonly target: string
  /** Of the fleet: every change of a configuration or of labels counts it up. */
  readonly version: number
  /** SHA-256 (hex) of the configuration's text; null where there is none. */
  readonly digest: string | null
  readonly configuration: unknown
  readonly set: string | null
  readonly by: string | null
  readonly reason: string | null
}

export interface ConfigurationInput {
  readonly target?: string | undefined
  readonly reason?: string | undefined
}

/** Sets what devices of the target read from then on. The ledger gets the digest, never the content. */
export async function setConfiguration(
  platform: Platform,
  by: Identity,
  fleet: string,
  { target = 'fleet', reason, configuration }: ConfigurationInput & { readonly configuration: Json },
): Promise<ConfigurationView> {
  const content = writeConfiguration(configuration)
  const digest = nodeSha256(utf8(content))
  const body = {
    target: readConfigTarget(target),
    digest,
    reason: reason === undefined ? undefined : readReason(reason),
  }
  const version = await commit(platform, fleet, content, version =>
    change({ kind: 'config.set', at: platform.now(), by: by.path, ledger: fleet, body: { ...body, version } }),
  )
  return viewOf(platform, (await platform.store.configuration(fleet, version))!)
}

/** There is nothing for the target any more. Where there is nothing, that is so already, and no fact is added. */
export async function unsetConfiguration(
  platform: Platform,
  by: Identity,
  fleet: string,
  { target = 'fleet', reason }: ConfigurationInput,
): Promise<ConfigurationView> {
  const body = { target: readConfigTarget(target), reason: reason === undefined ? undefined : readReason(reason) }
  const before = await readConfiguration(platform, fleet, { target })
  if (before.digest === null) return before
  const version = await commit(platform, fleet, undefined, version =>
    change({ kind: 'config.unset', at: platform.now(), by: by.path, ledger: fleet, body: { ...body, version } }),
  )
  return viewOf(platform, (await platform.store.configuration(fleet, version))!)
}

/** What holds for a target, or what a version was. */
export async function readConfiguration(
  platform: Platform,
  fleet: string,
  asked: { readonly target?: string | undefined; readonly version?: number | undefined } = {},
): Promise<ConfigurationView> {
  await checkFleet(platform, fleet)
  const target = readConfigTarget(asked.target ?? 'fleet')
  if (asked.version !== undefined) {
    const row = await platform.store.configuration(fleet, asked.version)
    if (row === undefined) throw new Refused('not-found', 'configuration version')
    return viewOf(platform, row)
  }
  const row = await newestOf(platform, fleet, target)
  if (row) return viewOf(platform, row)
  return { target, version: 0, digest: null, configuration: null, set: null, by: null, reason: null }
}

const pageSize = { default: 50, most: 200 } as const

/** What was set and unset in a fleet, newest first, without the contents. */
export async function listConfigurations(
  platform: Platform,
  fleet: string,
  asked: {
    readonly target?: string | undefined
    readonly before?: number | undefined
    readonly limit?: number | undefined
  },
) {
  await checkFleet(platform, fleet)
  const target = asked.target === undefined ? undefined : readConfigTarget(asked.target)
  const limit = Math.min(asked.limit ?? pageSize.default, pageSize.most)
  const page = { target, before: asked.before ?? Number.MAX_SAFE_INTEGER, limit }
  const rows = await platform.store.configurations(fleet, page)
  return { configurations: rows.map(facts), next: rows.length === limit ? rows.at(-1)!.version : null }
}

/** What a device reads, and what it is made of. */
export interface Effective {
  /** Grows whenever the text could have changed. */
  readonly version: number
  /** SHA-256 (hex) of the text. */
  readonly digest: string
  /** RFC 8785. */
  readonly text: string
  readonly from: readonly { readonly target: string; readonly version: number }[]
}

/**
 * The configuration of a device: its fleet's, its labels' and its own, merged (RFC 7396).
 * @param known the version that the device has; where it is that still, nothing is put together
 */
export async function readEffective(
  platform: Platform,
  fleet: string,
  name: string,
  known?: number,
): Promise<Effective | { readonly version: number; readonly unchanged: true }> {
  const { version, rows } = await readLayers(platform, fleet, readName(name))
  if (version === known) return { version, unchanged: true }
  const layers = rows.filter(({ digest }) => digest !== null)
  const contents = await Promise.all(layers.map(({ digest }) => contentOf(platform, digest!)))
  const text = effectiveText(contents)
  const from = layers.map(({ target, version }) => ({ target, version }))
  return { version, digest: hex(nodeSha256(utf8(text))), text, from }
}

/** The newest of each target that makes a device's configuration, all as they were at one moment. */
async function readLayers(
  platform: Platform,
  fleet: string,
  name: string,
): Promise<{ version: number; rows: Row<'config'>[] }> {
  for (;;) {
    const now = await platform.store.configVersion(fleet)
    const labelled = await platform.store.labelled(path({ fleet, role: 'device', name }))
    const targets = configTargets(name, labelsOf(labelled?.labels ?? ''))
    const found = await Promise.all(targets.map(target => newestOf(platform, fleet, target)))
    const rows = found.filter(row => row !== undefined)
    // The labels' own: what went with a label must count too.
    const version = Math.max(labelled?.version ?? 0, ...rows.map(row => row.version))
    // Otherwise something changed meanwhile, and a part may be from before it: with this number it would never be missed.
    if (version <= now) return { version, rows }
  }
}

/** Commits with the fleet's next version; where someone else took it in between, with the one after that. */
async function commit(
  { store }: Platform,
  fleet: string,
  content: string | undefined,
  fact: (version: number) => Change,
): Promise<number> {
  for (;;) {
    const before = await store.configVersion(fleet)
    try {
      await store.commit(fact(before + 1), content)
      return before + 1
    } catch (error) {
      if (!(error instanceof Refused) || error.code === 'unavailable') throw error
      if (before === (await store.configVersion(fleet))) throw error
    }
  }
}

async function checkFleet({ store }: Platform, fleet: string): Promise<void> {
  if (!(await store.fleet(fleet))) throw new Refused('fleet-unknown')
}

const newestOf = async ({ store }: Platform, fleet: string, target: string): Promise<Row<'config'> | undefined> =>
  (await store.configurations(fleet, { target, before: Number.MAX_SAFE_INTEGER, limit: 1 }))[0]

async function viewOf(platform: Platform, row: Row<'config'>): Promise<ConfigurationView> {
  return { ...facts(row), configuration: row.digest && (await contentOf(platform, row.digest)) }
}

const facts = ({ target, version, digest, set_at, set_by, reason }: Row<'config'>) => ({
  target,
  version,
  digest: digest && hex(digest),
  set: new Date(set_at).toISOString(),
  by: set_by,
  reason,
})

async function contentOf({ store }: Platform, digest: Uint8Array): Promise<Json> {
  const content = await store.configContent(digest)
  if (content === undefined) throw new Error('a configuration is in the ledger and not in the database')
  return readJson(utf8(content))
}
