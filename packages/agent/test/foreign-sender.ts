import {
  base64url,
  type Cbor,
  type CborMap,
  cbor,
  concat,
  readBase58,
  sha256,
  Tagged,
  utf8,
} from '@mintmark/core/bytes'
import { didKey, type Key, type KeyAlgorithm } from '@mintmark/core/keys'
import { writeMessage } from '@mintmark/core/signed'
import { Agent, MemoryTrustRegistry, makeKey, type Registration } from '../src/index.ts'

// A sender that does not go by our writer: it signs what it likes, as it likes it spelled.

/** What a JWS or a COSE_Sign1 says, name by name. Undefined leaves out what is there otherwise. */
export type Fields = Readonly<Record<string, unknown>>
export type Labels = readonly (readonly [label: number | string, value: Cbor | undefined])[]

export const scope = 'telemetry:write'
export const body = utf8('sixteen of salt.and the content')

export class ForeignSender {
  readonly key: Key
  readonly did: string
  readonly to: string
  readonly #now: () => number

  constructor(key: Key, to: string, now: () => number) {
    this.key = key
    this.did = didKey(key.publicKey)
    this.to = to
    this.#now = now
  }

  claims(change: Fields = {}): Fields {
    const jti = base64url(crypto.getRandomValues(new Uint8Array(16)))
    const whole = { iat: this.#now() / 1_000, jti, digest: base64url(sha256(body)) }
    return { aud: this.to, scope, ...whole, ...change }
  }

  /** By these texts, byte for byte; `respell` works on the finished envelope. */
  async jwsOf(header: string, claims: string, respell = (text: string): string => text): Promise<Uint8Array> {
    const signed = `${base64url(bytesOf(header))}.${base64url(bytesOf(claims))}`
    const signature = await this.key.sign(utf8(signed))
    return writeMessage(bytesOf(respell(`${signed}.${base64url(signature)}`)), body)
  }

  jws(claims: Fields = {}, header: Fields = {}): Promise<Uint8Array> {
    const alg = this.key.publicKey.algorithm === 'Ed25519' ? 'Ed25519' : 'ES256'
    const said = JSON.stringify({ alg, kid: this.did, typ: 'mint+jwt', ...header })
    return this.jwsOf(said, JSON.stringify(this.claims(claims)))
  }

  async cose(claims: Labels = [], header: Labels = [], unprotected: CborMap = new Map()): Promise<Uint8Array> {
    const alg = this.key.publicKey.algorithm === 'Ed25519' ? -19 : -9
    const inner = mapOf([
      ...([
        [3, this.to],
        [6, this.#now() / 1_000],
        [7, crypto.getRandomValues(new Uint8Array(16))],
        [9, scope],
      ] as Labels),
      ...claims,
    ])
    const kid = readBase58(this.did.slice('did:key:z'.length))
    const outer = mapOf([
      ...([
        [1, alg],
        [4, kid],
        [15, inner],
        [16, 'application/mint'],
        [258, -16],
      ] as Labels),
      ...header,
    ])
    const [protectedHeader, digest] = [cbor(outer), sha256(body)]
    const signature = await this.key.sign(cbor(['Signature1', protectedHeader, new Uint8Array(), digest]))
    return concat(cbor(new Tagged(18, [protectedHeader, unprotected, digest, signature])), cbor(body))
  }
}

/** A receiver that knows one sender, a minute after it started, at a whole second. */
export async function scene(registration: Partial<Registration> = {}, algorithm: KeyAlgorithm = 'Ed25519') {
  const clock = { at: Date.UTC(2026, 5, 1) }
  const now = () => clock.at
  const registry = new MemoryTrustRegistry()
  const server = await Agent.create({ registry, now })
  const sender = new ForeignSender(await makeKey(algorithm), server.did, now)
  registry.register(sender.did, { scopes: [scope], ...registration })
  clock.at += 60_000
  return { clock, registry, server, sender }
}

/** Later ones of a label take the place of earlier ones. */
const mapOf = (entries: Labels): CborMap => {
  const map = new Map<number | string, Cbor>()
  for (const [label, value] of entries) {
    if (value === undefined) map.delete(label)
    else map.set(label, value)
  }
  return map
}

/** As UTF-8, with halves of surrogates as bytes of their own, which only what is not ours writes. */
function bytesOf(text: string): Uint8Array {
  const bytes: number[] = []
  for (const character of text) {
    const code = character.codePointAt(0)!
    if (code >= 0xd800 && code <= 0xdfff) bytes.push(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63))
    else bytes.push(...utf8(character))
  }
  return Uint8Array.from(bytes)
}
