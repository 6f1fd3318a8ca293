import { equal, type Sha256 } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import { checkSignature, type PublicKey, type Verify } from '@mintmark/core/keys'
import { checkStanding } from '@mintmark/core/rules'
import { type Claims, type Envelope, isNamed, saltLength } from '@mintmark/core/signed'
import { window } from './nonces/nonce-store.ts'
import type { Entry, TrustRegistry } from './registry/registry.ts'

/** To whom a message may be. A `Set` is one. */
export interface Audiences {
  has(audience: string): boolean | Promise<boolean>
}

export interface CheckParts {
  readonly audiences: Audiences
  readonly registry: TrustRegistry
  /** Unix milliseconds. */
  readonly now: () => number
  readonly verify: Verify
}

/**
 * What an envelope must pass before anything is spent for it, the cheap checks first: a sender that nobody knows costs
 * no look at a signature. @returns the entry of its sender
 */
export async function checkEnvelope(envelope: Envelope, parts: CheckParts): Promise<Entry> {
  const { audiences, registry, now, verify } = parts
  const { claims } = envelope
  const isToUs = audiences.has(claims.audience)
  if (!(isToUs instanceof Promise ? await isToUs : isToUs)) throw new Refused('other-audience')
  checkTime(claims, now())
  const found = registry.lookup(claims.key, claims.issuer)
  const entry = found instanceof Promise ? await found : found
  if (!entry) throw new Refused('sender-unknown')
  checkSender(envelope, entry)
  const signed = checkSignature(verify, entry.key, envelope.signed, envelope.signature)
  if (!(signed instanceof Promise ? await signed : signed)) throw new Refused('envelope-signature')
  return entry
}

/** The body is the one that was signed. @throws Refused `body-refused` */
export function checkBody({ claims }: Envelope, body: Uint8Array, sha256: Sha256): void {
  if (body.length < saltLength || !equal(sha256(body), claims.digest)) throw new Refused('body-refused')
}

/** Asked so that a time that is no number is refused. */
export function checkTime({ once }: Claims, now: number): void {
  if ('sequence' in once) return
  if (!(now - once.issued <= window.length)) throw new Refused('message-expired')
  if (!(once.issued - now <= window.skew)) throw new Refused('message-early')
}

/** What the registry has of the sender lets this be sent: standing, rights, key. */
export function checkSender(envelope: Envelope, entry: Entry): void {
  checkStanding(entry)
  checkRights(envelope.claims, entry)
  checkKey(envelope, entry.key)
}

function checkRights({ scope, audience, onBehalfOf, once }: Claims, entry: Entry): void {
  if (!entry.covers(scope)) throw new Refused('scope-refused')
  if (entry.recipients && !entry.recipients.has(audience)) throw new Refused('recipient-refused')
  if (onBehalfOf !== undefined && !entry.devices.has(onBehalfOf)) throw new Refused('gateway-refused')
  // A sender with a clock that counts could be held back for as long as somebody likes.
  if ('sequence' in once !== entry.isCounted) throw new Refused('sequence-refused')
}

/** The registered key decides: which it is, and by which algorithm it signs. */
export function checkKey({ algorithm, claims }: Envelope, key: PublicKey): void {
  if (algorithm !== key.algorithm) throw new Refused('algorithm-refused', 'not that of the registered key')
  if (!isNamed(key, claims.key)) throw new Refused('key-superseded')
}
