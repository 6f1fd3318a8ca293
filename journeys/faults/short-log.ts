import { StatementSync } from 'node:sqlite'

// Loaded into a platform process before its own code: its database's log seems long at every look, so that it is moved
// into the database after a few commits and not after thousands.

const get = StatementSync.prototype.get
StatementSync.prototype.get = function (this: StatementSync, ...values: unknown[]) {
  const row = get.apply(this, values as Parameters<typeof get>)
  return this.sourceSQL === 'pragma wal_checkpoint(noop)' ? { ...row, log: 1_000_000 } : row
} as typeof get
