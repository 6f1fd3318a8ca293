import { sha256 } from '@mintmark/core/bytes'
import { admitRaw, checkSignature, type PublicKey } from '@mintmark/core/keys'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { nodeSha256, nodeVerify } from '../src/index.ts'

test('nodeSha256 agrees with the SHA-256 of core, however the bytes are cut', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 4 }), parts => {
      const digest = nodeSha256(...parts)
      expect(digest).toEqual(sha256(...parts))
      expect(Object.getPrototypeOf(digest)).toBe(Uint8Array.prototype)
    }),
  )
})

describe('nodeVerify', () => {
  const hex = (text: string) => new Uint8Array(Buffer.from(text, 'hex'))
  // RFC 8032 7.1, test 2.
  const key = admitRaw('Ed25519', hex('3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c'))
  const signature = hex(
    '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  )

  test('takes the signature of RFC 8032, twice, and no changed bit of it', () => {
    expect([1, 2].map(() => nodeVerify(key, hex('72'), signature))).toEqual([true, true])
    expect(nodeVerify(key, hex('73'), signature)).toBe(false)
    for (let bit = 0; bit < 512; bit += 7) {
      const flipped = signature.slice()
      flipped[bit >> 3]! ^= 1 << (bit & 7)
      expect(checkSignature(nodeVerify, key, hex('72'), flipped)).toBe(false)
    }
  })

  test('answers false, and does not throw, on signatures of any length', () => {
    for (const length of [0, 1, 63, 65, 128]) expect(nodeVerify(key, hex('72'), new Uint8Array(length))).toBe(false)
  })

  test('does not take an object for a key that only looks like one', () => {
    const lookAlike = { algorithm: key.algorithm, raw: key.raw, spki: key.spki, id: key.id, equals: key.equals }
    // @ts-expect-error A PublicKey comes from admission only.
    const forged: PublicKey = lookAlike
    expect(forged).toBeDefined()
  })
})
