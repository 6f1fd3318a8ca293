import { Refused } from '@mintmark/core/errors'
import { type Damage, Damaged } from './database.ts'
import { postgresDialect } from './dialects.ts'
import type { Wire } from './postgres-session.ts'
import { migrations } from './tables.ts'

/** Which statements of `migrations` have run; absent where none has. */
export async function schemaVersion(wire: Wire): Promise<number | undefined> {
  const { rows: found } = await wire.send("select 1 from pg_class where oid = to_regclass('schema_version')")
  if (found.length === 0) return undefined
  const { rows } = await wire.send('select version from schema_version')
  return rows.length === 1 ? rows[0].version : undefined
}

/**
 * Brings the schema to the present one: each statement once, whoever starts at the same moment.
 * @throws Refused `database-not-empty` where there are tables, and not ours
 */
export async function migrateSchema(wire: Wire): Promise<void> {
  const all = migrations(postgresDialect)
  try {
    // Behind the lock it sees what the one before it made.
    await wire.send('begin isolation level read committed')
    await wire.send("select pg_advisory_xact_lock(hashtextextended('mintmark schema', 0))")
    const done = (await schemaVersion(wire)) ?? (await begin(wire))
    if (done > all.length) throw new Error(`the database has schema ${done}, this program knows ${all.length}`)
    if (done < all.length) await apply(wire, done)
    await wire.send('commit')
  } catch (error) {
    // Where that fails too, the connection is gone, and the transaction with it.
    await wire.send('rollback').catch(() => undefined)
    throw error
  }
}

async function begin(wire: Wire): Promise<number> {
  const { rows } = await wire.send(
    `select relname from pg_class where relnamespace = current_schema()::regnamespace order by relname limit 1`,
  )
  if (rows.length > 0) throw new Refused('database-not-empty', `it has ${rows[0].relname}`)
  await makeVersion(wire)
  return 0
}

const makeVersion = async (wire: Wire): Promise<void> => {
  await wire.send('create table schema_version (version bigint not null)')
  await wire.send('insert into schema_version values (0)')
}

async function apply(wire: Wire, done: number): Promise<void> {
  const all = migrations(postgresDialect)
  for (const { sql } of all.slice(done)) await wire.send(sql)
  await wire.send('update schema_version set version = $1', [all.length])
}

/**
 * Compares what is in the schema with what migrations make: tables, columns, types, indexes, and whatever acts on rows
 * without being one: defaults, triggers, rules, policies, views. What ought to be is made beside it, as temporary tables
 * in a transaction that is rolled back.
 */
export async function inspectSchema(wire: Wire): Promise<Damage | undefined> {
  try {
    const is = await describe(wire, 'current_schema()', "quote_ident(current_schema()) || '.'")
    // Of the whole database: what acts when tables are changed.
    const { rows: acting } = await wire.send('select evtname from pg_event_trigger order by evtname')
    for (const { evtname } of acting) is.set(evtname, 'event trigger')
    const version = await schemaVersion(wire)
    await wire.send('begin read write')
    await wire.send('set local search_path = pg_temp')
    await makeVersion(wire)
    await apply(wire, 0)
    const ought = await describe(wire, 'pg_my_temp_schema()::regnamespace::text', "'pg_temp.'")
    await wire.send('rollback')
    const names = [...new Set([...is.keys(), ...ought.keys()])].toSorted()
    const other = names.find(name => is.get(name) !== ought.get(name))
    if (other !== undefined) return { part: 'schema', why: `${other} is not as this program makes it` }
    if (version !== migrations(postgresDialect).length) {
      return { part: 'schema', why: 'another version than its tables' }
    }
    return undefined
  } catch (error) {
    if (error instanceof Damaged) return error.damage
    throw error
  }
}

/** Everything of a schema, by name, in the words of PostgreSQL itself. */
async function describe(wire: Wire, schema: string, prefix: string): Promise<Map<string, string>> {
  const { rows } = await wire.send(`
    with here as (select oid from pg_namespace where nspname = ${schema}),
    mine as (select c.* from pg_class c, here where c.relnamespace = here.oid)
    select what, string_agg(line, E'\\n' order by line collate "C") as text from (
      select relname as what, concat_ws(' ', 'relation', relkind, replace(relpersistence::text, 't', 'p'),
        relrowsecurity, relforcerowsecurity) as line from mine
      union all
      select relname, concat_ws(' ', 'column', attnum, attname, format_type(atttypid, atttypmod), collname, attnotnull,
        attidentity, attgenerated, pg_get_expr(adbin, adrelid))
      from mine join pg_attribute on attrelid = mine.oid and attnum > 0 and not attisdropped
        left join pg_collation on pg_collation.oid = attcollation left join pg_attrdef on adrelid = attrelid and adnum = attnum
      where relkind <> 'i'
      union all
      select relname, concat_ws(' ', 'constraint', conname, pg_get_constraintdef(pg_constraint.oid), convalidated)
      from mine join pg_constraint on conrelid = mine.oid
      union all
      select relname, concat_ws(' ', 'index', replace(pg_get_indexdef(mine.oid), ${prefix}, ''),
        indisvalid, indisready, indislive) from mine join pg_index on indexrelid = mine.oid
      union all
      select relname, concat_ws(' ', 'trigger', pg_get_triggerdef(pg_trigger.oid)) from mine join pg_trigger on tgrelid = mine.oid
      union all
      select relname, concat_ws(' ', 'rule', pg_get_ruledef(pg_rewrite.oid)) from mine join pg_rewrite on ev_class = mine.oid
      union all
      select relname, concat_ws(' ', 'policy', polname) from mine join pg_policy on polrelid = mine.oid
      union all
      select relname, concat_ws(' ', 'child of', inhparent::regclass) from mine join pg_inherits on inhrelid = mine.oid
      union all
      select proname, 'function' from pg_proc, here where pronamespace = here.oid
      union all
      select oprname, 'operator' from pg_operator, here where oprnamespace = here.oid
      union all
      select typname, 'type' from pg_type, here where typnamespace = here.oid and typrelid = 0 and typelem = 0
    ) lines group by what`)
  return new Map(rows.map(({ what, text }) => [what, text]))
}
