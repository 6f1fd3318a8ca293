import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { base64url, equal } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import { type EncryptionKey, readEncryptionKey } from '@mintmark/core/signed'
import { type Connection, connect, encryptionKeysOf, type Home, openHome, readHome, waitAfter } from '@mintmark/device'
import { nodeVerify, writeFileDurably } from '@mintmark/elements'
import { window } from '../../nonces/nonce-store.ts'
import type { EncryptionKeys } from '../../seal/encryption-keys.ts'

// encryption-keys/announced.cbor in the home: the statement as the platform has it, or is to have it. It is there before
// the platform is asked, so whatever ends the process, the same word is said again and is no other fact.

export interface AnnouncerOptions {
  /** Directory of the home. */
  readonly home: string
  /** The keys of this home, kept in it. */
  readonly encryption: EncryptionKeys
  /** Unix milliseconds; it may be set at any moment. */
  now(): number
  /** Milliseconds since any moment; only ever goes on. */
  monotonic(): number
  /** A number from 0 to before 1. */
  chance(): number
  /** Told of what the platform has taken, or why it has not. */
  told(outcome: EncryptionKey | NotAnnounced): void
}

export interface NotAnnounced {
  readonly why: unknown
  /** Milliseconds until it is tried again. */
  readonly retryIn: number
}

/** How long a key is announced for is said there: `EncryptionKeys.announce`. With so much left the next one is announced. */
const beforeEnd = 30 * 86_400_000

/**
 * Says at the platform which key messages to a home are sealed to, and keeps it said: another key a month before the one
 * announced ends, or where the home has another identity key. The keys before it open what was sealed to them.
 */
export class Announcer {
  readonly #options: AnnouncerOptions
  readonly #path: string
  /** What the platform has taken from this process. */
  #taken: EncryptionKey | undefined
  #failures = 0
  /** Of the monotonic clock, for the home as it was tried. */
  #notBefore = Number.NEGATIVE_INFINITY
  #triedAs: string | undefined
  #turn: Promise<void> | undefined
  #connection: Connection | undefined
  #isClosed = false

  /** @throws Refused `forbidden` where the home is not that of a device: nobody seals to any other */
  constructor(options: AnnouncerOptions) {
    const { role, identity } = readHome(options.home)
    if (role !== 'device') {
      throw new Refused('forbidden', identity, {
        hint: 'messages are sealed to devices: announce from the home of one',
      })
    }
    this.#options = options
    this.#path = join(encryptionKeysOf(options.home), 'announced.cbor')
  }

  /** What others seal to, as far as this process knows; undefined where nothing holds for this identity key. */
  holds(did: string): EncryptionKey | undefined {
    const taken = this.#taken
    return taken?.did === did && this.#options.now() < taken.expires ? taken : undefined
  }

  /** Announces what is due. To be called once a minute, and where the home is another one. Never throws. */
  look(): Promise<void> {
    this.#turn ??= this.#look().finally(() => {
      this.#turn = undefined
    })
    return this.#turn
  }

  /** Gives up what is under way. Resolves when the home is not touched any more, and may be somebody else's. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#connection?.close()
    await this.#turn
  }

  async #look(): Promise<void> {
    const { home: directory, now, monotonic, chance, told } = this.#options
    try {
      const did = didOf(directory)
      if (this.#taken?.did === did && this.#isGood(this.#taken)) return
      if (did === this.#triedAs && monotonic() < this.#notBefore) return
      this.#triedAs = did
      const home = await openHome(directory, now)
      if (this.#isClosed) return
      this.#taken = await this.#announce(home)
      this.#failures = 0
      told(this.#taken)
    } catch (why) {
      if (this.#isClosed) return
      this.#failures++
      const retryIn = waitAfter(this.#failures, chance(), why instanceof Refused ? why.retryAfter : undefined)
      this.#notBefore = monotonic() + retryIn
      told({ why, retryIn })
    }
  }

  /** @throws Refused what the platform says, or `unreachable` */
  async #announce(home: Home): Promise<EncryptionKey> {
    const { url, anchor, certificate, keyFile } = home
    const { now } = this.#options
    this.#connection = connect({ url, anchor, identity: { certificate, key: keyFile }, now })
    const connection = this.#connection
    const say = async ({ statement, said }: Statement): Promise<EncryptionKey> => {
      this.#checkOpen()
      await connection.put('/v1/encryption-key', { statement: base64url(statement) })
      return said
    }
    try {
      const kept = await this.#kept(home)
      if (kept === undefined || !this.#isGood(kept.said)) {
        // Proves the platform, which a clock that is wrong by months does not: by that one keys would be over.
        await connection.get('/v1/me')
        return await say(await this.#sign(home, kept))
      }
      try {
        return await say(kept)
      } catch (error) {
        // It has a later one: this home is from a backup, or another program has announced a key of its own for it.
        if (!(error instanceof Refused) || error.code !== 'bad-statement') throw error
        return await say(await this.#sign(home, kept))
      }
    } finally {
      connection.close()
    }
  }

  /** The statement that is there, where it is by this identity key. */
  async #kept({ key }: Home): Promise<Statement | undefined> {
    if (!existsSync(this.#path)) return undefined
    const statement = new Uint8Array(readFileSync(this.#path))
    try {
      return { statement, said: await readEncryptionKey(statement, key.publicKey, nodeVerify) }
    } catch (error) {
      if (!(error instanceof Refused)) throw error
      return undefined
    }
  }

  async #sign(home: Home, kept: Statement | undefined): Promise<Statement> {
    const { encryption, now } = this.#options
    const at = now()
    // Whoever has read a home has both of its keys, so with another identity key there is another one of these too. A
    // current key that is not the one announced is new already.
    const isOver = kept ? isCurrent(kept.said, encryption) && !isLong(kept.said, at) : existsSync(this.#path)
    this.#checkOpen()
    if (isOver) await encryption.renew(at)
    this.#checkOpen()
    // Higher than before also where the clock was set back.
    const version = Math.max(at, (kept?.said.version ?? 0) + 1)
    const statement = await encryption.announce(home.key, at, { version })
    writeFileDurably(this.#path, statement, { mode: 0o600, replace: true })
    return { statement, said: await readEncryptionKey(statement, home.key.publicKey, nodeVerify) }
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new Refused('unreachable', 'closed')
  }

  #isGood(said: EncryptionKey): boolean {
    const { encryption, now } = this.#options
    const at = now()
    // What was announced while this clock was ahead is taken by nobody until theirs come there.
    return isCurrent(said, encryption) && isLong(said, at) && said.issued - at <= window.skew
  }
}

/** Of the identity key; empty where the home does not say, and whoever opens it hears why. */
function didOf(directory: string): string {
  try {
    return readHome(directory).did
  } catch {
    return ''
  }
}

interface Statement {
  readonly statement: Uint8Array
  readonly said: EncryptionKey
}

const isCurrent = ({ key }: EncryptionKey, { current }: EncryptionKeys): boolean => equal(key, current)
const isLong = ({ expires }: EncryptionKey, at: number): boolean => at < expires - beforeEnd
