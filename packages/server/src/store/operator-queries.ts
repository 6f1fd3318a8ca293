import type { Kysely } from 'kysely'
import { query } from './database.ts'
import type { Tables } from './tables.ts'

/** Of operators and what they may do. */
export const operatorQueries = (db: Kysely<Tables>) => ({
  operator: query((v: { identity: string }) =>
    db.selectFrom('operator').selectAll().where('identity', '=', v.identity),
  ),
  operators: query((_: object) => besideRegistry(db).orderBy('operator.identity')),
  operatorBesideRegistry: query((v: { identity: string }) =>
    besideRegistry(db).where('operator.identity', '=', v.identity),
  ),
  /** Tokens that someone made and that can still be used. */
  openPermitsBy: query((v: { by: string; at: number }) =>
    db
      .selectFrom('permit')
      .select(['fleet', 'id'])
      .where('created_by', '=', v.by)
      .where('revoked', 'is', null)
      .where('uses_left', '>', 0)
      .where('expires', '>', v.at)
      .where('grants', 'is', null)
      .orderBy('fleet')
      .orderBy('created'),
  ),
  /** In good standing, and may do everything: `admin` is the first role in the text. */
  fullAdmins: query((_: object) =>
    db
      .selectFrom('operator')
      .innerJoin('registry', 'registry.identity', 'operator.identity')
      .select('operator.identity')
      .where('registry.standing', '=', 'good')
      .where('operator.grants', 'like', 'admin:*%')
      .limit(2),
  ),
  addOperator: query((v: Tables['operator']) =>
    db.insertInto('operator').values({ identity: v.identity, grants: v.grants }),
  ),
  setGrants: query((v: Tables['operator']) =>
    db.updateTable('operator').set({ grants: v.grants }).where('identity', '=', v.identity),
  ),
})

const besideRegistry = (db: Kysely<Tables>) =>
  db
    .selectFrom('operator')
    .innerJoin('registry', 'registry.identity', 'operator.identity')
    .selectAll('registry')
    .select('operator.grants')
