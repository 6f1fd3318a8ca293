import type { Kysely } from 'kysely'
import { query, row } from './database.ts'
import type { Tables } from './tables.ts'

/** Of what names may do with messages, and of what messages to them are sealed to. */
export const rightsQueries = (db: Kysely<Tables>) => ({
  rights: query((v: { identity: string }) => db.selectFrom('rights').selectAll().where('identity', '=', v.identity)),
  setRights: query((v: Tables['rights']) =>
    db
      .insertInto('rights')
      .values(row(v, ['identity', 'scopes', 'recipients', 'devices', 'counts', 'set_at', 'set_by', 'reason']))
      .onConflict(conflict =>
        conflict.column('identity').doUpdateSet(set => ({
          scopes: set.ref('excluded.scopes'),
          recipients: set.ref('excluded.recipients'),
          devices: set.ref('excluded.devices'),
          counts: set.ref('excluded.counts'),
          set_at: set.ref('excluded.set_at'),
          set_by: set.ref('excluded.set_by'),
          reason: set.ref('excluded.reason'),
        })),
      ),
  ),
  sealing: query((v: { identity: string }) => db.selectFrom('sealing').selectAll().where('identity', '=', v.identity)),
  setSealing: query((v: Tables['sealing']) =>
    db
      .insertInto('sealing')
      .values(row(v, ['identity', 'key', 'version', 'statement', 'hour', 'published']))
      .onConflict(conflict =>
        conflict.column('identity').doUpdateSet(set => ({
          key: set.ref('excluded.key'),
          version: set.ref('excluded.version'),
          statement: set.ref('excluded.statement'),
          hour: set.ref('excluded.hour'),
          published: set.ref('excluded.published'),
        })),
      ),
  ),
})
