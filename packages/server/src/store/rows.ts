import type { Role } from '@mintmark/core/names'
import type { Permit, RegistryRecord, Standing, Tier } from '@mintmark/core/rules'
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
