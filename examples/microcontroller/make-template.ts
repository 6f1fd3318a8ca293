// Writes the template of a device's messages as a C header: what the SDK writes, less what changes each time.
import { parseArgs } from 'node:util'
import { type Cbor, type CborMap, cbor, readCbor, readHex, type Tagged } from '@mintmark/core/bytes'
import { admitRaw, didKey, type PublicKey } from '@mintmark/core/keys'
import { type Claims, shortIdOf, writeCoseEnvelope } from '@mintmark/core/signed'

export interface Template {
  readonly bytes: Uint8Array
  /** Where its four parts end: up to the claims, the audience, the scope, the rest. */
  readonly end: readonly [claims: number, audience: number, scope: number, rest: number]
  /** Claims in it. */
  readonly claims: number
}

export async function templateOf(key: PublicKey, claims: Omit<Claims, 'once' | 'digest'>): Promise<Template> {
  const nonce = crypto.getRandomValues(new Uint8Array(16))
  const once = { issued: 1_000_000_000_000, nonce }
  const unsigned = { publicKey: key, sign: () => new Uint8Array(64) }
  const envelope = await writeCoseEnvelope(unsigned, { ...claims, once, digest: new Uint8Array(32) })
  const [bytes] = (readCbor(envelope) as Tagged).value as readonly [Uint8Array, ...Cbor[]]
  // The time is five bytes and its key one, and so is the key of the nonce; a byte string of 16 has a head of one.
  const timed = { start: Buffer.from(bytes).indexOf(nonce) - 8, length: 8 + 16 }
  // The map's head, 1: algorithm, 4: key, 15.
  const start = 1 + 2 + 1 + cbor((readCbor(bytes) as CborMap).get(4)!).length + 1
  const scope = timed.start + 1 + cbor(claims.scope).length
  const parts = [
    bytes.subarray(0, start),
    bytes.subarray(start + 1, timed.start),
    bytes.subarray(timed.start + timed.length, scope + timed.length),
    bytes.subarray(scope + timed.length),
  ]
  const [a = 0, b = 0, c = 0, d = 0] = parts.map(part => part.length)
  return {
    bytes: Buffer.concat(parts),
    end: [a, a + b, a + b + c, a + b + c + d],
    claims: (bytes[start]! & 0x1f) - 2,
  }
}

function headerOf({ bytes, end, claims }: Template): string {
  const lines = Array.from({ length: Math.ceil(bytes.length / 16) }, (_, i) =>
    [...bytes.subarray(16 * i, 16 * i + 16)].map(byte => `0x${byte.toString(16).padStart(2, '0')}`).join(', '),
  )
  return `#include "mint.h"

static const uint8_t template_bytes[] = {
  ${lines.join(',\n  ')},
};
static const struct mint_template template = {template_bytes, {${end.join(', ')}}, ${claims}};
`
}

if (import.meta.main) {
  const text = { type: 'string' } as const
  const { values } = parseArgs({
    options: { key: text, short: { type: 'boolean' }, issuer: text, to: text, scope: text, for: text, type: text },
  })
  const { key: raw, short, issuer, to: audience, scope, for: onBehalfOf, type: contentType } = values
  if (!raw || !audience || !scope) throw new Error('--key, --to and --scope are needed')
  const key = admitRaw('Ed25519', readHex(raw))
  const name = short ? shortIdOf(key) : didKey(key)
  const template = await templateOf(key, { key: name, issuer, audience, scope, onBehalfOf, contentType })
  process.stdout.write(headerOf(template))
}
