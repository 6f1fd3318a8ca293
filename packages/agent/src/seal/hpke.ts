import { Aes128Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from '@hpke/core'
import type { KeyPair } from '../web-crypto-key.ts'

// HPKE (RFC 9180) in base mode: the envelope's signature says who sent it. With a key of the sender's in it (auth mode),
// whoever has the receiver's key could make messages of anybody. Loaded when something is sealed or opened for the first
// time.

interface Sealed {
  readonly enc: Uint8Array
  readonly ciphertext: Uint8Array
}

/**
 * Seals one plaintext, in a context of its own: with another ephemeral key the cipher has another key and another nonce.
 * @param ephemeral for vectors alone
 */
export async function seal(
  receiver: Uint8Array,
  info: Uint8Array,
  plaintext: Uint8Array,
  ephemeral?: KeyPair,
): Promise<Sealed> {
  const recipientPublicKey = await suite.kem.deserializePublicKey(alone(receiver))
  const context = await suite.createSenderContext({
    recipientPublicKey,
    info: alone(info),
    ...(ephemeral && { ekm: ephemeral }),
  })
  const ciphertext = await context.seal(alone(plaintext))
  return { enc: new Uint8Array(context.enc), ciphertext: new Uint8Array(ciphertext) }
}

/** @throws what the library throws where it does not open */
export async function open(receiver: KeyPair, info: Uint8Array, { enc, ciphertext }: Sealed): Promise<Uint8Array> {
  const context = await suite.createRecipientContext({ recipientKey: receiver, enc: alone(enc), info: alone(info) })
  return new Uint8Array(await context.open(alone(ciphertext)))
}

const suite = new CipherSuite({ kem: new DhkemX25519HkdfSha256(), kdf: new HkdfSha256(), aead: new Aes128Gcm() })

/** Bytes in memory of their own, as Web Crypto's types ask for. */
const alone = (bytes: Uint8Array): ArrayBuffer => Uint8Array.from(bytes).buffer
