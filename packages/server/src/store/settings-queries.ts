import type { Kysely } from 'kysely'
import { query, row } from './database.ts'
import type { Tables } from './tables.ts'

type Row<T extends keyof Tables> = Tables[T]

/** Of labels, configurations and refusals. */
export const settingsQueries = (db: Kysely<Tables>) => ({
  // Labels and configuration
  labelled: query((v: { identity: string }) =>
    db.selectFrom('labelled').selectAll().where('identity', '=', v.identity),
  ),
  setLabelled: query((v: Row<'labelled'>) =>
    db
      .insertInto('labelled')
      .values(row(v, ['identity', 'labels', 'version']))
      .onConflict(conflict =>
        conflict.column('identity').doUpdateSet(set => ({
          labels: set.ref('excluded.labels'),
          version: set.ref('excluded.version'),
        })),
      ),
  ),
  addLabel: query((v: Row<'label'>) => db.insertInto('label').values(row(v, ['label', 'identity']))),
  removeLabel: query((v: Row<'label'>) =>
    db.deleteFrom('label').where('label', '=', v.label).where('identity', '=', v.identity),
  ),
  configVersion: query((v: { fleet: string }) =>
    db.selectFrom('config_version').selectAll().where('fleet', '=', v.fleet),
  ),
  setConfigVersion: query((v: Row<'config_version'>) =>
    db
      .insertInto('config_version')
      .values(row(v, ['fleet', 'version']))
      .onConflict(conflict => conflict.column('fleet').doUpdateSet(set => ({ version: set.ref('excluded.version') }))),
  ),
  addConfig: query((v: Row<'config'>) =>
    db.insertInto('config').values(row(v, ['fleet', 'version', 'target', 'digest', 'set_at', 'set_by', 'reason'])),
  ),
  config: query((v: { fleet: string; version: number }) =>
    db.selectFrom('config').selectAll().where('fleet', '=', v.fleet).where('version', '=', v.version),
  ),
  /** Newest first, before a version. */
  configs: query((v: { fleet: string; before: number; limit: number }) =>
    db
      .selectFrom('config')
      .selectAll()
      .where('fleet', '=', v.fleet)
      .where('version', '<', v.before)
      .orderBy('version', 'desc')
      .limit(v.limit),
  ),
  configsOf: query((v: { fleet: string; target: string; before: number; limit: number }) =>
    db
      .selectFrom('config')
      .selectAll()
      .where('fleet', '=', v.fleet)
      .where('target', '=', v.target)
      .where('version', '<', v.before)
      .orderBy('version', 'desc')
      .limit(v.limit),
  ),
  configContent: query((v: { digest: Uint8Array }) =>
    db.selectFrom('config_content').select('content').where('digest', '=', v.digest),
  ),
  addConfigContent: query((v: Row<'config_content'>) =>
    db
      .insertInto('config_content')
      .values(row(v, ['digest', 'content']))
      .onConflict(conflict => conflict.column('digest').doNothing()),
  ),

  // Refusals
  refusals: query((v: { ledger: string; who: string; limit: number }) =>
    db
      .selectFrom('refusal')
      .selectAll()
      .where('ledger', '=', v.ledger)
      .where('who', '=', v.who)
      .orderBy('idx', 'desc')
      .limit(v.limit),
  ),
  refusalsOfMany: query((v: { ledger: string; from: string; to: string; since: number; limit: number }) =>
    db
      .selectFrom('refusal')
      .selectAll()
      .where('ledger', '=', v.ledger)
      .where('who', '>', v.from)
      .where('who', '<', v.to)
      .where('last_at', '>=', v.since)
      .orderBy('idx', 'desc')
      .limit(v.limit),
  ),
  supersededRefusals: query((v: { ledger: string; since: number; limit: number }) =>
    db
      .selectFrom('refusal')
      .selectAll()
      .where('ledger', '=', v.ledger)
      .where('code', '=', 'key-superseded')
      .where('last_at', '>=', v.since)
      .orderBy('idx', 'desc')
      .limit(v.limit),
  ),
  addRefusal: query((v: Row<'refusal'>) =>
    db
      .insertInto('refusal')
      .values(row(v, ['ledger', 'who', 'code', 'operation', 'first_at', 'last_at', 'count', 'idx']))
      .onConflict(conflict =>
        conflict.columns(['ledger', 'who', 'code', 'operation']).doUpdateSet(set => ({
          last_at: set.ref('excluded.last_at'),
          count: set('refusal.count', '+', set.ref('excluded.count')),
          idx: set.ref('excluded.idx'),
        })),
      ),
  ),
})
