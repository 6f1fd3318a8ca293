export { longestEntry, readBundle, readTile, writeBundle, writeTile } from './bundle.ts'
export { type Consistency, checkConsistency, checkInclusion, type Inclusion } from './check.ts'
export { type Checkpoint, checkpointText, readCheckpoint, signCheckpoint } from './checkpoint.ts'
export {
  type Appended,
  append,
  emptyFrontier,
  type Frontier,
  readFrontier,
  root,
  type TileHash,
  writeFrontier,
} from './frontier.ts'
export { leafHash } from './hash.ts'
export { type NoteSignature, noteKeyId, readVerifierKey, verifierKey } from './note.ts'
export { frontierAt, proveConsistency, proveInclusion, type ReadHashes } from './prove.ts'
export { checkReceipt, type Receipt, type ReceiptJson, readReceipt, receiptJson } from './receipt.ts'
export { fullWidth, readTilePath, type Tile, tilePath, tilesOf, tileWidth } from './tiles.ts'
