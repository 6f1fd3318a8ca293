/**
 * Names in an export of ledgers: the root beside a directory for each ledger, which is C2SP tlog-tiles with the charter
 * of the fleet added.
 */
export const exportFiles = { root: 'root.pem', checkpoint: 'checkpoint', charter: 'charter.cbor' } as const
