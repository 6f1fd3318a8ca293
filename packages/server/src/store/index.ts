export type { LedgerSigner, Receipt } from './commit.ts'
export type { Database } from './database.ts'
export { openSqlite } from './sqlite.ts'
export { type Row, Store } from './store.ts'
