import { Refused } from '@mintmark/core/errors'
import {
  type ChangeBody,
  type Labels,
  labelsOf,
  readConfigTarget,
  readLabelText,
  relabel,
  writeLabel,
  writeLabels,
} from '@mintmark/core/rules'
import type { Transaction } from './database.ts'
import type { Queries } from './queries.ts'
import type { Tables } from './tables.ts'

/**
 * What facts about labels and configurations do to the tables. Both count up the one version of their fleet: whatever
 * can change what a device reads has a number higher than all that was before.
 */
export class Settings {
  readonly #queries: Queries
  readonly #connection: Transaction

  constructor(queries: Queries, connection: Transaction) {
    this.#queries = queries
    this.#connection = connection
  }

  async label(fleet: string, { identity, labels }: ChangeBody<'device.labelled'>): Promise<void> {
    const change = readLabelText(labels)
    const record = await this.#connection.first(this.#queries.record, { identity })
    if (record?.role !== 'device' || record.fleet !== fleet) throw new Refused('device-unknown')
    const row = await this.#connection.first(this.#queries.labelled, { identity })
    const [before, version] = [labelsOf(row?.labels ?? ''), await this.#version(fleet)]
    const after = relabel(before, change)
    const [gone, come] = [without(before, after), without(after, before)]
    for (const label of gone) this.#connection.post(this.#queries.removeLabel, { label, identity })
    for (const label of come) this.#connection.post(this.#queries.addLabel, { label, identity })
    this.#connection.post(this.#queries.setLabelled, { identity, labels: writeLabels(after), version: version + 1 })
    this.#connection.post(this.#queries.setConfigVersion, { fleet, version: version + 1 })
  }

  /** Sets what is for a target, or with no digest that there is nothing for it any more. */
  async configure(row: Tables['config']): Promise<void> {
    const { fleet, target, version } = row
    if (readConfigTarget(target) !== target) throw new Refused('bad-request', 'configuration target')
    if (version !== (await this.#version(fleet)) + 1) throw new Refused('bad-request', 'configuration version')
    this.#connection.post(this.#queries.addConfig, row)
    this.#connection.post(this.#queries.setConfigVersion, { fleet, version })
  }

  async #version(fleet: string): Promise<number> {
    return (await this.#connection.first(this.#queries.configVersion, { fleet }))?.version ?? 0
  }
}

/** The labels of one that the other does not have, as text. */
const without = (these: Labels, those: Labels): string[] =>
  [...these].filter(([key, value]) => those.get(key) !== value).map(([key, value]) => writeLabel(key, value))
