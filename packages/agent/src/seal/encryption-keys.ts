import { equal } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import { admitX25519, didKey, type Key, type PublicKey } from '@mintmark/core/keys'
import {
  encryptionKeyId,
  type Message,
  readDisclosure,
  readSealedBody,
  sealInfo,
  sealSuite,
  signEncryptionKey,
} from '@mintmark/core/signed'
import { window } from '../nonces/nonce-store.ts'
import type { KeyPair } from '../web-crypto-key.ts'

/** An X25519 pair in Web Crypto, and until when messages to it may come. */
export interface KeptEncryptionKey {
  readonly pair: KeyPair
  /** Unix milliseconds at which its last announcement ends; 0 where it was never announced. */
  readonly until: number
}

/** Where encryption keys stay when the process ends. */
export interface EncryptionPlace {
  /** Whether the private keys that are made may be exported, because the place keeps bytes. */
  readonly isExporting: boolean
  load(): Promise<readonly KeptEncryptionKey[]>
  /** Replaces what is kept. Resolves when it is durable. */
  keep(keys: readonly KeptEncryptionKey[]): Promise<void>
}

export interface Announcement {
  /** Milliseconds for which others may seal to the key. Not said: 90 days. */
  readonly lasts?: number
  /** Higher than that of the statement before. Not said: the time in milliseconds. */
  readonly version?: number
}

const day = 86_400_000
/** More than one is there only while messages to the one before may be under way. */
const most = 16

/**
 * The keys that messages to an agent are sealed to: the current one, and those before it until what was announced of
 * them has ended, so that a new key loses no message.
 */
export class EncryptionKeys {
  readonly #place: EncryptionPlace
  /** The current one first. */
  #keys: readonly Known[]
  /** One change after the other: each begins with what the one before it left. */
  #turn: Promise<unknown> = Promise.resolve()

  private constructor(place: EncryptionPlace, keys: readonly Known[]) {
    this.#place = place
    this.#keys = keys
  }

  /**
   * Takes the keys that are kept in a place, or makes the first one there.
   * @param place not said: in memory; then the private key cannot be exported, and ends with the process
   * @throws Refused `x25519-missing` where the runtime cannot
   */
  static async open(place: EncryptionPlace = nowhere): Promise<EncryptionKeys> {
    const kept = await Promise.all((await place.load()).map(known))
    const keys = new EncryptionKeys(place, kept)
    if (kept.length === 0) await keys.renew()
    return keys
  }

  /** The X25519 public key that messages are to be sealed to. */
  get current(): Uint8Array {
    return this.#keys[0]!.publicKey
  }

  /** How many messages can be opened with. */
  get size(): number {
    return this.#keys.length
  }

  /**
   * Makes another key the current one. It has to be announced; the ones before it stay until their announcements have
   * ended. @param now Unix milliseconds; not said: the time of this computer
   * @throws Refused `bad-number`, `slow-down` where more are announced than are kept
   */
  renew(now = Date.now()): Promise<void> {
    return this.#inTurn(async () => {
      // What is no time is after the end of every key.
      if (!Number.isSafeInteger(now)) throw new Refused('bad-number', 'the time')
      const left = this.#keys.filter(({ until }) => until + window.length + window.skew > now)
      if (left.length >= most) throw new Refused('slow-down', `${most} encryption keys are announced already`)
      await this.#put([await known({ pair: await makePair(this.#place.isExporting), until: 0 }), ...left])
    })
  }

  /** The statement by an identity key that messages to it are sealed to the current key. @param now Unix milliseconds */
  announce(identity: Key, now: number, { lasts = 90 * day, version = now }: Announcement): Promise<Uint8Array> {
    return this.#inTurn(async () => {
      const [current, ...rest] = this.#keys
      const said = { did: didKey(identity.publicKey), key: current!.publicKey, suite: sealSuite, version }
      const statement = await signEncryptionKey(identity, { ...said, issued: now, expires: now + lasts })
      // It is kept for as long before anybody can seal to it.
      await this.#put([{ ...current!, until: Math.max(current!.until, now + lasts) }, ...rest])
      return statement
    })
  }

  /**
   * Opens a sealed message whose signature was checked.
   * @param sender the key that signed it @returns salt and content @throws Refused `seal-refused`
   */
  async open({ envelope, body }: Message, sender: PublicKey): Promise<Uint8Array> {
    const { claims, form } = envelope
    const key = this.#keys.find(({ id }) => claims.sealed && equal(id, claims.sealed.key))
    if (!key) throw new Refused('seal-refused', 'sealed to a key that is not here')
    const sealed = readSealedBody(body)
    const { open } = await import('./hpke.ts')
    try {
      const opened = await open(key.pair, sealInfo(claims, form, sender, key.id), sealed)
      // The cipher commits to nothing: whoever knows two keys can make one ciphertext that opens with both.
      readDisclosure(envelope, opened)
      return opened
    } catch (cause) {
      throw new Refused('seal-refused', undefined, { cause })
    }
  }

  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(act)
    this.#turn = done.catch(() => undefined)
    return done
  }

  async #put(keys: readonly Known[]): Promise<void> {
    await this.#place.keep(keys.map(({ pair, until }) => ({ pair, until })))
    this.#keys = keys
  }
}

interface Known extends KeptEncryptionKey {
  readonly publicKey: Uint8Array
  readonly id: Uint8Array
}

async function known({ pair, until }: KeptEncryptionKey): Promise<Known> {
  const publicKey = admitX25519(new Uint8Array(await crypto.subtle.exportKey('raw', pair.publicKey)))
  return { pair, until, publicKey, id: encryptionKeyId(publicKey) }
}

const nowhere: EncryptionPlace = { isExporting: false, load: async () => [], keep: () => Promise.resolve() }

async function makePair(isExportable: boolean): Promise<KeyPair> {
  try {
    const pair: unknown = await crypto.subtle.generateKey({ name: 'X25519' }, isExportable, ['deriveBits'])
    return pair as KeyPair
  } catch (cause) {
    throw new Refused('x25519-missing', undefined, { cause })
  }
}
