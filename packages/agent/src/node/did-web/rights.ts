import { Refused } from '@mintmark/core/errors'
import { compileScopes } from '@mintmark/core/rules'
import type { Registration } from '../../registry/memory.ts'
import type { Entry } from '../../registry/registry.ts'
import { readDidWeb } from './name.ts'

/** What a sender may do. Its document says which key it has, and nothing of this. */
export type Rights = Pick<Entry, 'covers' | 'recipients' | 'isCounted' | 'devices' | 'encryption'>

/**
 * Rights by DID and by pattern: `did:web:example.test:devices:*` is every DID with one more segment, and `**` with one
 * or more. The nearest one holds: the DID itself, then the pattern with the longest beginning, `*` before `**`.
 */
export class RightsByName {
  readonly #rights = new Map<string, Rights>()

  /** @throws Refused `bad-did`, `bad-scope` */
  put(pattern: string, { scopes, recipients, sequence = false, devices = [], encryption }: Registration): void {
    const prefix = pattern.replace(/:\*\*?$/, '')
    readDidWeb(prefix)
    // What a pattern covers would share the names of the devices behind each of them.
    if (prefix !== pattern && devices.length > 0) throw new Refused('bad-did', 'a gateway is registered by its own DID')
    if (prefix !== pattern && encryption) throw new Refused('bad-did', 'an encryption key is of one DID')
    this.#rights.set(pattern, {
      covers: compileScopes(scopes),
      recipients: recipients && new Set(recipients),
      isCounted: sequence,
      devices: new Set(devices),
      encryption,
    })
  }

  /** @param did one that `readDidWeb` took */
  of(did: string): Rights | undefined {
    const exact = this.#rights.get(did)
    if (exact) return exact
    let end = did.lastIndexOf(':')
    const one = this.#rights.get(`${did.slice(0, end)}:*`)
    if (one) return one
    // Down to the host, which is never left open.
    for (; end > 'did:web'.length; end = did.lastIndexOf(':', end - 1)) {
      const more = this.#rights.get(`${did.slice(0, end)}:**`)
      if (more) return more
    }
    return undefined
  }
}
