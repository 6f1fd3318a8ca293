import type { Database } from './database.ts'
import { queries } from './queries.ts'

/** Wrapped keys in the database; what they are wrapped under is not there. */
export function sharedKeys({ signals, dialect }: Pick<Database, 'signals' | 'dialect'>) {
  const { addKeeperKey, keeperKey, keeperKeys } = queries(dialect)
  const { connection } = signals!
  return {
    async keep(name: string, wrapped: Uint8Array): Promise<Uint8Array> {
      await connection.run(addKeeperKey, { name, wrapped })
      const kept = await connection.first(keeperKey, { name })
      return kept!.wrapped
    },
    all: async () => connection.all(keeperKeys, {}),
  }
}
