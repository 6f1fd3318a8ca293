import { randomFillSync } from 'node:crypto'

/** Cryptographic random bytes. Drawn from the system 4 KiB at a time: a call into OpenSSL for 16 costs more than they do. */
export function randomBytes(length: number): Uint8Array {
  if (length > pool.length) return randomFillSync(new Uint8Array(length))
  if (used + length > pool.length) {
    randomFillSync(pool)
    used = 0
  }
  const bytes = pool.slice(used, used + length)
  // What was handed out is not kept.
  pool.fill(0, used, used + length)
  used += length
  return bytes
}

const pool = new Uint8Array(4_096)
let used = pool.length
