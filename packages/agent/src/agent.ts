import { type Sha256, sha256 } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import { didKey, type Key, type Verify, webCryptoVerify } from '@mintmark/core/keys'
import { readScope } from '@mintmark/core/rules'
import {
  type Claims,
  isAudience,
  saltLength,
  shortIdOf,
  writeCoseEnvelope,
  writeJwsEnvelope,
  writeMessage,
} from '@mintmark/core/signed'
import type { Alarm, Alarms } from './alarm.ts'
import { noteMade } from './made-here.ts'
import { MemoryNonceStore } from './nonces/memory.ts'
import { type NonceStore, window } from './nonces/nonce-store.ts'
import { contentOf, type Payload } from './payload.ts'
import type { Received } from './received.ts'
import { Receiver } from './receiver.ts'
import { MemoryTrustRegistry } from './registry/memory.ts'
import type { TrustRegistry } from './registry/registry.ts'
import type { Announcement, EncryptionKeys } from './seal/encryption-keys.ts'
import type { Sealer } from './seal/sealer.ts'
import { makeKey } from './web-crypto-key.ts'

export interface AgentOptions {
  /** Not said: one is made here, and ends with the process. */
  readonly key?: Key
  /**
   * Whose key it is, where that is more than the key: a `did:web:...` whose document names the key. Not said: the
   * did:key of the key.
   */
  readonly did?: string
  /** Who may send to this agent. Not said: nobody. */
  readonly registry?: TrustRegistry
  /** Not said: in memory. */
  readonly nonces?: NonceStore
  /** Other DIDs under which this agent receives, such as the did:web of its service. */
  readonly audiences?: readonly string[]
  /** Takes what is sent. Not said: nothing takes it, and `send` gives it back alone. */
  readonly transport?: Transport
  /** Opens messages that are sealed to this agent. Not said: it refuses them. */
  readonly encryption?: EncryptionKeys
  /** Keeps what was accepted, before it is delivered. */
  readonly journal?: Journal
  /**
   * Told when whoever holds a sender's key did what that sender has no reason to do, such as using a key that was replaced
   * or revoked: once a minute for each key and code. The message was refused already.
   */
  readonly alarm?: (alarm: Alarm) => void
  /** Unix milliseconds. */
  readonly now?: () => number
  readonly random?: (length: number) => Uint8Array
  /** Waits so many milliseconds. */
  readonly wait?: (milliseconds: number) => Promise<void>
  /** By what signatures are checked. Not said: the runtime's Web Crypto. */
  readonly verify?: Verify
  /** SHA-256 by something faster than JavaScript. */
  readonly sha256?: Sha256
  /** Longest body that is received, in bytes; salt included. Not said: 64 KiB. */
  readonly longestBody?: number
}

/** Takes a message to where its receiver is. */
export interface Transport {
  deliver(message: Uint8Array, to: string): Promise<void>
}

/** Where accepted messages are recorded. Resolves when what was said is durable; until then nothing is delivered. */
export interface Journal {
  append(accepted: Received): void | Promise<void>
}

export interface Outgoing {
  /** The DID, or the short id, of the one who may receive it. */
  readonly to: string
  readonly payload: Payload
  /** What it is for: `telemetry:write`. */
  readonly scope: string
  /** Media type. Not said: what the payload is. */
  readonly contentType?: string
  /** Encrypts it to the key that the receiver has announced in the registry, so that only the receiver reads it. */
  readonly seal?: boolean
  /** The device that this gateway speaks for. */
  readonly onBehalfOf?: string
  /** For senders without a clock: higher each time. The registry must know that this sender counts. */
  readonly sequence?: number
}

export interface SendOptions {
  /** COSE unless JWS is said, for receivers with a JWT library. */
  readonly form?: 'cose' | 'jws'
  /** `polymorphic` names the algorithm as older libraries know it (EdDSA instead of Ed25519). */
  readonly algorithm?: 'exact' | 'polymorphic'
  /** `short` names sender by 8 bytes of the key id; the receiver's registry must know it. */
  readonly name?: 'full' | 'short'
}

/** A message, and what its sender may keep of it. */
export interface Written {
  /** Envelope and body in one piece. */
  readonly message: Uint8Array
  /** Proves for ever who sent what to whom, without the payload. */
  readonly envelope: Uint8Array
  /** Salt and payload, in the clear: shows somebody else what was sent (`proveDisclosure`). */
  readonly disclosure: Uint8Array
}

/** A sender and receiver of signed messages: one key, one DID. */
export class Agent {
  readonly did: string
  /** Every name under which it receives: its DID, that of its key, the short id of its key, and what was said. */
  readonly audiences: ReadonlySet<string>
  readonly #key: Key
  readonly #keyDid: string
  readonly #options: Required<Pick<AgentOptions, 'now' | 'random' | 'wait'>> & Pick<AgentOptions, 'transport'>
  readonly #receiver: Receiver
  /** Loaded when something is sealed for the first time. */
  readonly #sealer: () => Promise<Sealer>
  readonly #encryption: EncryptionKeys | undefined

  private constructor(key: Key, options: AgentOptions, alarms: Alarms | undefined) {
    const { now = Date.now, random = randomBytes, wait = sleep, transport } = options
    this.#key = key
    this.#keyDid = didKey(key.publicKey)
    this.did = options.did ?? this.#keyDid
    // A key has one did:key; another one would be somebody else.
    if (this.did !== this.#keyDid && !/^did:(?!key:)/.test(this.did)) throw new Refused('bad-did', this.did)
    this.#options = { now, random, wait, ...(transport && { transport }) }
    this.audiences = new Set([this.did, this.#keyDid, shortIdOf(key.publicKey), ...(options.audiences ?? [])])
    const registry = options.registry ?? new MemoryTrustRegistry()
    const verify = options.verify ?? webCryptoVerify
    this.#encryption = options.encryption
    let sealer: Promise<Sealer> | undefined
    this.#sealer = () => {
      sealer ??= import('./seal/sealer.ts').then(({ Sealer }) => new Sealer({ registry, now, verify }))
      return sealer
    }
    this.#receiver = new Receiver({
      audiences: this.audiences,
      registry,
      nonces: options.nonces ?? new MemoryNonceStore({ now }),
      journal: options.journal,
      now,
      verify,
      sha256: options.sha256 ?? sha256,
      longestBody: options.longestBody ?? 65_536,
      encryption: options.encryption,
      alarms,
    })
  }

  static async create(options: AgentOptions = {}): Promise<Agent> {
    const at = (options.now ?? Date.now)()
    const key = options.key ?? (await makeKey())
    if (!options.key) noteMade(didKey(key.publicKey), at)
    return new Agent(key, options, options.alarm && (await alarmsOf(options.alarm, options)))
  }

  /** Whether what it sends is delivered. */
  get delivers(): boolean {
    return this.#options.transport !== undefined
  }

  /**
   * Signs a message, and delivers it where a transport is set. A receiver that has just started gets it again, once, in
   * a new envelope. @returns the message, envelope and body in one piece
   * @throws Refused what `write` says, and what the transport is told
   */
  async send(message: Outgoing, options: SendOptions = {}): Promise<Uint8Array> {
    const { transport, wait } = this.#options
    const { message: sent } = await this.write(message, options)
    try {
      await transport?.deliver(sent, message.to)
      return sent
    } catch (error) {
      const pause = message.sequence === undefined ? untilKnown(error) : undefined
      if (pause === undefined) throw error
      await wait(pause)
    }
    const { message: again } = await this.write(message, options)
    await transport?.deliver(again, message.to)
    return again
  }

  /**
   * Signs a message, delivers it nowhere, and gives what a sender may want to keep of it.
   * @throws Refused `bad-did`, `bad-scope`, `bad-json`, `bad-envelope`; where it is sealed `no-encryption-key`, `bad-statement`,
   * `statement-signature`, `x25519-missing`, and how the receiver stands
   */
  async write(message: Outgoing, options: SendOptions = {}): Promise<Written> {
    const { to, scope, onBehalfOf, sequence } = message
    const { now, random } = this.#options
    if (!isAudience(`${to}`)) throw new Refused('bad-did', `${to}`)
    const { bytes, contentType } = contentOf(message.payload, message.contentType)
    const disclosure = salted(random(saltLength), bytes)
    const open: Omit<Claims, 'digest'> = {
      key: options.name === 'short' ? shortIdOf(this.#key.publicKey) : this.#keyDid,
      issuer: this.did === this.#keyDid ? undefined : this.did,
      audience: to,
      // Missing, it would be a scope of that name.
      scope: readScope(typeof scope === 'string' ? scope : ''),
      once: sequence === undefined ? { issued: now(), nonce: random(16) } : { sequence },
      onBehalfOf,
      contentType,
    }
    const form = options.form ?? 'cose'
    // Sealed first and signed then: whoever carries it can check the signature and cannot read.
    const { body, sealed } = message.seal
      ? await (await this.#sealer()).seal(open, form, this.#key.publicKey, disclosure)
      : { body: disclosure, sealed: undefined }
    const sign = form === 'jws' ? writeJwsEnvelope : writeCoseEnvelope
    const envelope = await sign(this.#key, { ...open, sealed, digest: sha256(body) }, options.algorithm)
    return { message: writeMessage(envelope, body), envelope, disclosure }
  }

  /**
   * Says which key comes after this agent's, for the registries that know it: from then on they take the other one and
   * refuse this. @param next it signs too
   */
  async announceSuccessor(next: Key): Promise<Uint8Array> {
    const { signDidSuccession } = await import('./succession.ts')
    return signDidSuccession(this.#key, next, this.#options.now())
  }

  /**
   * Announces the current encryption key: a statement by this agent's key, for the registry of those who seal to it.
   * @throws Refused `no-encryption-key` where the agent was made without one
   */
  async announceEncryption(announcement: Announcement = {}): Promise<Uint8Array> {
    if (!this.#encryption) throw new Refused('no-encryption-key', 'this agent has none')
    return await this.#encryption.announce(this.#key, this.#options.now(), announcement)
  }

  /**
   * Checks a message in this order, and accepts it once: form, algorithm, audience, time, standing, scope, key,
   * signature, body, nonce; then it is recorded.
   * @param message the bytes, or their text where it is a JWS
   * @throws Refused with a code of its own for each
   */
  receive(message: Uint8Array | string): Promise<Received> {
    return this.#receiver.receive(message)
  }

  /** Whether whoever the registry knows as the sender signed these bytes: what such a sender may be told. */
  proves(message: Uint8Array): Promise<boolean> {
    return this.#receiver.proves(message)
  }
}

/** Loaded where somebody wants to be told. A registry that knows nobody refuses nothing that is an alarm. */
async function alarmsOf(
  tell: (alarm: Alarm) => void,
  { registry = new MemoryTrustRegistry(), now = Date.now, verify = webCryptoVerify }: AgentOptions,
): Promise<Alarms> {
  const { Alarms } = await import('./alarm.ts')
  return new Alarms({ tell, now, verify, registry })
}

/** Milliseconds until a receiver that cannot know what it had before takes what is issued then. */
function untilKnown(error: unknown): number | undefined {
  if (!(error instanceof Refused) || error.code !== 'message-fresh') return undefined
  const { retryAfter } = error
  return retryAfter !== undefined && retryAfter >= 0 && retryAfter <= window.length ? retryAfter : undefined
}

const sleep = (milliseconds: number): Promise<void> => new Promise(resolve => setTimeout(resolve, milliseconds))

const randomBytes = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length))

function salted(salt: Uint8Array, content: Uint8Array): Uint8Array {
  if (salt.length !== saltLength) throw new Refused('bad-envelope', 'salt')
  const body = new Uint8Array(saltLength + content.length)
  body.set(salt)
  body.set(content, saltLength)
  return body
}
