import type { Change, ChangeKind } from '@mintmark/core/rules'
import type { Connection } from './database.ts'

/** What must be acted upon before the change that brings it is acknowledged: sockets cut, what is remembered forgotten. */
export interface News {
  /** `missed`: some was not heard, so whatever is remembered or open is to be looked at again. */
  readonly kind: ChangeKind | 'missed'
  /** A registry path, or the name of a fleet. */
  readonly about: string
}

/** It may not fail; where it does, what it was told of is durable and is not acknowledged. */
export type NewsListener = (news: News) => void | Promise<void>

/** Waits for others who must know of it, where there are any; the process itself goes on meanwhile. It may not fail. */
export type NewsHolder = (news: News) => Promise<void> | undefined

/** Who must hear news before it is acknowledged. */
export interface Audience {
  listen(listener: NewsListener): void
  /** What is held is not acknowledged. */
  hold(holder: NewsHolder): void
  /**
   * Puts news into the transaction that makes it.
   * @returns to be called once it is committed: resolves when everyone has acted on it
   */
  announce(connection: Connection, news: News): Promise<() => Promise<void>>
  /** Resolves when everyone has acted on all news until now. */
  settled(): Promise<void>
}

/** What changes what is known of a name. Verifiers elsewhere are told of each of them, and waited for. */
export const kindsOfNames = [
  'identity.enrolled',
  'identity.revoked',
  'identity.decommissioned',
  'key.introduced',
  'key.promoted',
  'scope.set',
  'sealing.published',
] as const satisfies readonly ChangeKind[]
const areOfNames: ReadonlySet<string> = new Set(kindsOfNames)

/** The news in a change; most changes have none, as what they write is read from the store each time. */
export function newsOf({ kind, ledger, body }: Change): News | undefined {
  if (areOfNames.has(kind)) {
    const { identity, replaces } = body as Change<'identity.enrolled'>['body']
    // A name that is new was unknown, which nobody keeps for long.
    return kind === 'identity.enrolled' && replaces === undefined ? undefined : { kind, about: identity }
  }
  switch (kind) {
    case 'fleet.created':
      return { kind, about: (body as Change<typeof kind>['body']).fleet }
    case 'fleet.activated':
      return { kind, about: ledger }
    default:
      return undefined
  }
}

/** The audience where one process has the database for itself. */
export class OneProcess implements Audience {
  readonly #listeners: NewsListener[] = []
  readonly #holders: NewsHolder[] = []
  readonly #telling = new Set<Promise<void>>()

  listen(listener: NewsListener): void {
    this.#listeners.push(listener)
  }

  hold(holder: NewsHolder): void {
    this.#holders.push(holder)
  }

  async announce(_connection: Connection, news: News): Promise<() => Promise<void>> {
    return async () => {
      const telling = this.#tell(news)
      this.#telling.add(telling)
      await telling.finally(() => this.#telling.delete(telling))
    }
  }

  async settled(): Promise<void> {
    // Who failed is told so; here it is enough that nobody is at it any more.
    await Promise.allSettled(this.#telling)
  }

  async #tell(news: News): Promise<void> {
    for (const listener of this.#listeners) await listener(news)
    await Promise.all(this.#holders.map(holder => holder(news)))
  }
}
