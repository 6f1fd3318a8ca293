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

/** Who must hear news before it is acknowledged. */
export interface Audience {
  listen(listener: NewsListener): void
  /**
   * Puts news into the transaction that makes it.
   * @returns to be called once it is committed: resolves when everyone has acted on it
   */
  announce(connection: Connection, news: News): Promise<() => Promise<void>>
}

/** The news in a change; most changes have none, as what they write is read from the store each time. */
export function newsOf({ kind, ledger, body }: Change): News | undefined {
  switch (kind) {
    case 'identity.revoked':
    case 'identity.decommissioned':
    case 'key.introduced':
    case 'key.promoted':
    case 'scope.set':
    case 'sealing.published':
      return { kind, about: (body as Change<typeof kind>['body']).identity }
    case 'identity.enrolled': {
      const { identity, replaces } = body as Change<typeof kind>['body']
      return replaces === undefined ? undefined : { kind, about: identity }
    }
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

  listen(listener: NewsListener): void {
    this.#listeners.push(listener)
  }

  async announce(_connection: Connection, news: News): Promise<() => Promise<void>> {
    return async () => {
      for (const listener of this.#listeners) await listener(news)
    }
  }
}
