import { equal } from '../bytes/bytes.ts'
import type { Sha256 } from '../bytes/sha256.ts'
import { Refused } from '../errors/refused.ts'

let make: (permit: string) => PermitHolder
export let isPermitHolder: (value: unknown) => value is PermitHolder

/** A peer that showed the secret of one permit. Only `provePermit` makes one. */
export class PermitHolder {
  readonly #proven = true
  /** base64url of the 16-byte id. */
  readonly permit: string

  private constructor(permit: string) {
    this.permit = permit
  }

  static {
    make = permit => new PermitHolder(permit)
    isPermitHolder = value => typeof value === 'object' && value !== null && #proven in value
  }
}

/**
 * Compares the secret shown with the hash stored, in constant time. An unknown permit and a wrong secret are one
 * refusal: `refused`.
 */
export function provePermit(
  stored: { readonly id: string; readonly secretHash: Uint8Array } | undefined,
  secret: Uint8Array,
  sha256: Sha256,
): PermitHolder {
  const same = equal(sha256(secret), stored?.secretHash ?? new Uint8Array(32))
  if (stored === undefined || !same) throw new Refused('refused', 'no such token, or another secret')
  return make(stored.id)
}

/** Nothing was shown. */
export const anonymous = { kind: 'anonymous' } as const
export type Anonymous = typeof anonymous
