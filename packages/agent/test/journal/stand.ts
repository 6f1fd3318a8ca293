import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Key } from '@mintmark/core/keys'
import { Agent, MemoryTrustRegistry, makeKey, type Received } from '../../src/index.ts'
import { FileJournal, type FileJournalOptions } from '../../src/node/index.ts'

export const origin = 'alerts.example.test/journal'

/** A directory for a journal, its key, and messages that were accepted. */
export class Stand {
  readonly directory = join(mkdtempSync(join(tmpdir(), 'mintmark-journal-')), 'journal')
  readonly key: Key
  readonly device: Agent
  readonly #service: Agent
  #sent = 0

  private constructor(key: Key, device: Agent, service: Agent) {
    this.key = key
    this.device = device
    this.#service = service
  }

  static async make(): Promise<Stand> {
    const registry = new MemoryTrustRegistry()
    const service = await Agent.create({ registry })
    const device = await Agent.create()
    registry.register(device.did, { scopes: ['telemetry:write'] })
    return new Stand(await makeKey(), device, service)
  }

  open(options: Partial<FileJournalOptions> = {}): Promise<FileJournal> {
    return FileJournal.open(this.directory, { origin, key: this.key, ...options })
  }

  /** The n-th has the payload `n`. */
  async accept(): Promise<Received> {
    const message = { to: this.#service.did, payload: `${this.#sent++}`, scope: 'telemetry:write' }
    return this.#service.receive(await this.device.send(message))
  }

  accepted = (count: number): Promise<Received[]> => Promise.all(Array.from({ length: count }, () => this.accept()))

  remove(): void {
    rmSync(join(this.directory, '..'), { recursive: true, force: true })
  }
}
