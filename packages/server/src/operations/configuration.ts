import { utf8 } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import type { Identity } from '@mintmark/core/proof'
import { change, readReason } from '@mintmark/core/rules'
import { nodeSha256 } from '@mintmark/elements'
import type { Platform } from '../platform.ts'

export interface ConfigurationView {
  /** 0 where none was ever set. */
  readonly version: number
  /** SHA-256 (hex) of the configuration's JSON text; null for version 0. */
  readonly digest: string | null
  readonly configuration: unknown
}

const maxSize = 32_768

/** Sets what every device of the fleet reads from then on. The ledger gets the digest, never the content. */
export async function setConfiguration(
  platform: Platform,
  by: Identity,
  fleet: string,
  configuration: Readonly<Record<string, unknown>>,
  reason: string | undefined,
): Promise<ConfigurationView> {
  const content = JSON.stringify(configuration)
  if (content.length > maxSize) throw new Refused('too-large', 'configuration')
  const digest = nodeSha256(utf8(content))
  for (;;) {
    const before = await versionOf(platform, fleet)
    const body = { version: before + 1, digest, reason: reason === undefined ? undefined : readReason(reason) }
    const fact = change({ kind: 'config.set', at: platform.now(), by: by.path, ledger: fleet, body })
    try {
      await platform.store.commit(fact, content)
      break
    } catch (error) {
      // Someone else set it in between: the later one holds, so this one is set after that.
      if (!(error instanceof Refused) || before === (await versionOf(platform, fleet))) throw error
    }
  }
  return readConfiguration(platform, fleet)
}

export async function readConfiguration(platform: Platform, fleet: string): Promise<ConfigurationView> {
  const row = await platform.store.configuration(fleet)
  if (row === undefined) {
    if (!(await platform.store.fleet(fleet))) throw new Refused('fleet-unknown')
    return { version: 0, digest: null, configuration: {} }
  }
  return {
    version: row.version,
    digest: Buffer.from(row.digest).toString('hex'),
    configuration: JSON.parse(row.content),
  }
}

const versionOf = async (platform: Platform, fleet: string): Promise<number> =>
  (await platform.store.configuration(fleet))?.version ?? 0
