import type { RegistryRecord } from '@mintmark/core/rules'

const most = 65_536

/**
 * Registry records that this process remembers, where the database is a round trip away. Right for as long as the lease
 * is live: what changes a record is news, and news is acknowledged when everyone with a live lease has forgotten it.
 * Unknown names are not remembered.
 */
export class Standings {
  readonly #isLive: () => boolean
  readonly #records = new Map<string, RegistryRecord>()
  /** Grows with everything that is forgotten: what was being read meanwhile may be older than that. */
  #forgotten = 0

  constructor(isLive: () => boolean) {
    this.#isLive = isLive
  }

  async read(
    identity: string,
    load: () => RegistryRecord | undefined | Promise<RegistryRecord | undefined>,
  ): Promise<RegistryRecord | undefined> {
    if (!this.#isLive()) return load()
    const known = this.#records.get(identity)
    if (known) return known
    const before = this.#forgotten
    const record = await load()
    if (record && before === this.#forgotten && this.#isLive()) this.#remember(identity, record)
    return record
  }

  forget(identity: string): void {
    this.#forgotten++
    this.#records.delete(identity)
  }

  forgetAll(): void {
    this.#forgotten++
    this.#records.clear()
  }

  #remember(identity: string, record: RegistryRecord): void {
    if (this.#records.size >= most) {
      const [oldest] = this.#records.keys()
      this.#records.delete(oldest!)
    }
    this.#records.set(identity, record)
  }
}
