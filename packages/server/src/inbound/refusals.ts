import { type Code, codes, hintOf, type Refused } from '@mintmark/core/errors'
import { readPath } from '@mintmark/core/names'
import { type Change, change } from '@mintmark/core/rules'
import { RefusedSender } from '../operations/messages.ts'
import type { Platform } from '../platform.ts'
import type { Caller, Reply } from './call.ts'
import { json } from './call.ts'

/**
 * What a refused caller is told. Codes about our state go only to who proved a certificate or a token's secret;
 * anyone else gets `refused`.
 */
export function refusalReply(refused: Refused, caller: Caller | undefined): Reply {
  const proven = caller !== undefined && caller.kind !== 'anonymous'
  const code = proven || codes[refused.code].seen === 'anyone' ? refused.code : 'refused'
  const { status, message } = codes[code]
  const hint = code === refused.code ? hintOf(refused) : undefined
  const reply = json({ code, message, ...(hint === undefined ? {} : { hint }) }, status)
  // RFC 9110 10.2.3
  const wait = code === refused.code ? (refused.retryAfter ?? waits[code]) : undefined
  return wait === undefined ? reply : { ...reply, retryAfter: Math.ceil(wait / 1_000) }
}

/** Milliseconds to wait where the refusal itself does not say. */
const waits: { readonly [C in Code]?: number } = { 'slow-down': 60_000, unavailable: 5_000 }

const minute = 60_000
const mostKinds = 10_000

/**
 * Refusals as facts. Of a proven caller the first of a code in a minute is committed at once, and what follows in that
 * minute is one further fact with its count; of everyone else there is one fact per code and minute. So a refusal is
 * never lost and a flood cannot fill the ledger.
 */
export class RefusalRecorder {
  readonly #platform: Platform
  #counts = new Map<string, Kind & { count: number }>()
  #minute = 0

  constructor(platform: Platform) {
    this.#platform = platform
  }

  async record(refused: Refused, caller: Caller, operation: string): Promise<void> {
    await this.#turn()
    const kind = {
      ...(refused instanceof RefusedSender ? whoSent(refused) : whoIs(caller)),
      code: refused.code,
      operation,
    }
    if (this.#count(kind)) return
    // Anonymous kinds are codes times operations; only proven callers reach the cap, and beyond it they share a row.
    if (this.#counts.size >= mostKinds && caller.kind !== 'anonymous') {
      const shared = { ...kind, by: 'platform', ledger: 'platform' }
      if (!this.#count(shared)) this.#counts.set(keyOf(shared), { ...shared, count: 1 })
      return
    }
    if (caller.kind === 'anonymous') {
      this.#counts.set(keyOf(kind), { ...kind, count: 1 })
      return
    }
    this.#counts.set(keyOf(kind), { ...kind, count: 0 })
    await this.#commit({ ...kind, count: 1 })
  }

  /** @returns whether there is such a row already */
  #count(kind: Kind): boolean {
    const known = this.#counts.get(keyOf(kind))
    if (known) known.count++
    return known !== undefined
  }

  /** Commits what was counted so far; called every minute and at the end. */
  async flush(): Promise<void> {
    const counted = [...this.#counts.values()].filter(({ count }) => count > 0)
    this.#counts = new Map()
    const done = await Promise.allSettled(counted.map(kind => this.#commit(kind)))
    for (const each of done) if (each.status === 'rejected') throw each.reason
  }

  async #turn(): Promise<void> {
    const now = Math.floor(this.#platform.now() / minute)
    if (now === this.#minute) return
    this.#minute = now
    // What could not be committed was counted again; this refusal must be counted too.
    await this.flush().catch(() => undefined)
  }

  /** What cannot be committed now, because the disk is full, say, is counted until it can. */
  async #commit(kind: Kind & { readonly count: number }): Promise<void> {
    try {
      await this.#platform.store.commit(this.#fact(kind))
    } catch (error) {
      const known = this.#counts.get(keyOf(kind))
      if (known) known.count += kind.count
      else this.#counts.set(keyOf(kind), { ...kind })
      throw error
    }
  }

  #fact({ ledger, by, code, operation, count }: Kind & { readonly count: number }): Change {
    return change({ kind: 'refused', at: this.#platform.now(), by, ledger, body: { code, operation, count } })
  }
}

interface Kind {
  readonly ledger: string
  readonly by: string
  readonly code: string
  readonly operation: string
}

const keyOf = ({ by, code, operation }: Kind): string => `${by} ${code} ${operation}`

/** Whose signature it was, whoever brought the message. */
const whoSent = ({ sender }: RefusedSender) => ({ by: sender, ledger: readPath(sender).fleet })

function whoIs(caller: Caller): { by: string; ledger: string } {
  if (caller.kind === 'identity') {
    const { path, fleet } = caller.proof.identity
    return { by: path, ledger: fleet }
  }
  if (caller.kind === 'token') return { by: `token:${caller.holder.permit}`, ledger: caller.permit.fleet }
  return { by: 'anonymous', ledger: 'platform' }
}
