export { compare, concat, equal } from './bytes.ts'
export { type Cbor, type CborMap, cbor, cborMap, readCbor, splitCbor, Tagged } from './cbor.ts'
export { type Json, readJson, writeJson } from './json.ts'
export { type PemLabel, pem, readPem, readPemBlocks } from './pem.ts'
export { type Sha256, sha256 } from './sha256.ts'
export {
  base32,
  base58,
  base64,
  base64url,
  hex,
  readBase58,
  readBase64,
  readBase64url,
  readHex,
  readUtf8,
  utf8,
} from './text.ts'
