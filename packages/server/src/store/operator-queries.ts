import type { Kysely } from 'kysely'
import { query } from './database.ts'
import type { Tables } from './tables.ts'

/** Of operators and what they may do. */
export const operatorQueries = (db: Kysely<Tables>) => ({
  operator: query((v: { identity: string }) =>
    db.selectFrom('operator').selectAll().where('identity', '=', v.identity),
  ),
  operators: query((_: object) =>
    db
      .selectFrom('operator')
      .innerJoin('registry', 'registry.identity', 'operator.identity')
      .selectAll('registry')
      .select('operator.grants')
      .orderBy('operator.identity'),
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
