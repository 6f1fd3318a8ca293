/** One array of all the parts in order. */
export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const part of parts) length += part.length
  const out = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}

/**
 * The same, for what nobody keeps: it lies in a larger piece of memory, which stays for as long as anything in it does.
 * An array of its own costs several times what it takes to fill it.
 */
export function shortLived(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const part of parts) length += part.length
  if (length > piece / 4) return concat(...parts)
  if (used + length > room.length) {
    room = new Uint8Array(piece)
    used = 0
  }
  const start = used
  for (const part of parts) {
    room.set(part, used)
    used += part.length
  }
  return room.subarray(start, used)
}

const piece = 16_384
let room = new Uint8Array(0)
let used = 0

/** Equality in time that depends on the length only, so that it may compare secrets. */
export function equal(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  let difference = 0
  for (let i = 0; i < a.length; i++) difference |= a[i]! ^ b[i]!
  return difference === 0
}

/** Lexicographic order of unsigned bytes: negative, zero or positive. */
export function compare(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length)
  for (let i = 0; i < shared; i++) {
    if (a[i] !== b[i]) return a[i]! - b[i]!
  }
  return a.length - b.length
}
