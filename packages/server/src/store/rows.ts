import type { ReadHashes } from '@mintmark/core/ledger'
import type { Role } from '@mintmark/core/names'
import type { Permit, RegistryRecord, Rights, Standing, Tier } from '@mintmark/core/rules'
import type { Connection } from './database.ts'
import type { Queries } from './queries.ts'
import type { Tables } from './tables.ts'

// Rows as core knows them.

export const permitOf = (row: Tables['permit'] | undefined): Permit | undefined =>
  row && {
    id: row.id,
    fleet: row.fleet,
    role: row.role as Role,
    secretHash: row.secret_hash,
    uses: row.uses,
    left: row.uses_left,
    expires: row.expires,
    pattern: row.pattern ?? undefined,
    tier: row.tier as Tier,
    replaces: row.replaces ?? undefined,
    revoked: row.revoked !== null,
    grants: row.grants ?? undefined,
  }

export const recordOf = (row: Tables['registry'] | undefined): RegistryRecord | undefined =>
  row && {
    identity: row.identity,
    standing: row.standing as Standing,
    key: row.key,
    pending: row.pending ?? undefined,
    tier: row.tier as Tier,
  }

export const rightsOf = (row: Tables['rights'] | undefined): Rights | undefined =>
  row && {
    scopes: listOf(row.scopes),
    recipients: row.recipients === null ? undefined : listOf(row.recipients),
    devices: listOf(row.devices),
    counts: row.counts === 1,
  }

const listOf = (text: string): readonly string[] => (text === '' ? [] : text.split(' '))

/** Stored hashes of a ledger's tree. */
export const hashesOf =
  (connection: Connection, queries: Queries, ledger: string): ReadHashes =>
  async (level, start, count) => {
    const range = { ledger, from: start, to: start + count }
    const rows =
      level === 0
        ? await connection.all(queries.leaves, range)
        : await connection.all(queries.tiles, { ...range, level })
    return rows.map(({ hash }) => hash)
  }
