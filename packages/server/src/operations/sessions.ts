import { base64url, hex, utf8 } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import type { PeerProof } from '@mintmark/core/proof'
import { nodeSha256 } from '@mintmark/elements'

// An operator's browser has no key. A sign-in link, made over mutual TLS, opens one session in one tab; the session
// carries the proof of the connection that asked for the link, and each of its requests passes the same gate.

/** Milliseconds, and how many there may be: of one operator, and of all. */
export const sessionBounds = {
  link: 120_000,
  idle: 900_000,
  most: 28_800_000,
  linksEach: 4,
  sessionsEach: 8,
  all: 1_024,
} as const

/** An operator signed in to the console. */
export interface Session {
  readonly proof: PeerProof
  /** It is over then, whatever is asked through it. */
  readonly expires: number
}

/** Links and sessions, by the hash of their secret; both in memory only, so they end with the process. */
export class Sessions {
  readonly #now: () => number
  readonly #random: (length: number) => Uint8Array
  readonly #links = new Map<string, { readonly proof: PeerProof; readonly made: number }>()
  /** The one that was used last is the last. */
  readonly #sessions = new Map<string, Kept>()

  constructor({ now, random }: { now(): number; random(length: number): Uint8Array }) {
    this.#now = now
    this.#random = random
  }

  /** How many links can still be used, and how many sessions are open. */
  get sizes(): { readonly links: number; readonly sessions: number } {
    return { links: this.#links.size, sessions: this.#sessions.size }
  }

  /** The secret of a link that opens one session, once, within two minutes. */
  makeLink(proof: PeerProof): { readonly link: string; readonly expires: number } {
    this.#sweep()
    const { path } = proof.identity
    makeRoom(this.#links, path, sessionBounds.linksEach)
    const link = base64url(this.#random(32))
    const made = this.#now()
    this.#links.set(nameOf(link), { proof, made })
    return { link, expires: made + sessionBounds.link }
  }

  /** The operator behind a link, which stays what it is. @throws Refused `link-spent` */
  readLink(link: string): PeerProof {
    const found = this.#links.get(nameOf(link))
    if (found === undefined || !isWithin(this.#now(), found.made, sessionBounds.link)) throw new Refused('link-spent')
    return found.proof
  }

  /** Spends a link. @throws Refused `link-spent` where it was spent before */
  open(link: string): { readonly secret: string; readonly session: Session } {
    const proof = this.readLink(link)
    this.#links.delete(nameOf(link))
    this.#sweep()
    makeRoom(this.#sessions, proof.identity.path, sessionBounds.sessionsEach)
    const secret = base64url(this.#random(32))
    const begun = this.#now()
    const session: Kept = { proof, begun, expires: begun + sessionBounds.most, used: begun }
    this.#sessions.set(nameOf(secret), session)
    return { secret, session }
  }

  /** The session of this secret, used now. @throws Refused `session-ended` */
  use(secret: string): Session {
    const name = nameOf(secret)
    const session = this.#sessions.get(name)
    if (session === undefined || !this.#isOpen(session)) {
      this.#sessions.delete(name)
      throw new Refused('session-ended')
    }
    session.used = Math.max(session.used, this.#now())
    this.#sessions.delete(name)
    this.#sessions.set(name, session)
    return session
  }

  end(session: Session): void {
    for (const [name, each] of this.#sessions) if (each === session) this.#sessions.delete(name)
  }

  /** Of everyone who is signed in, or has a link. */
  identities(): string[] {
    return [...this.#links.values(), ...this.#sessions.values()].map(({ proof }) => proof.identity.path)
  }

  /** Ends every link and session of an operator. */
  endAll(identity: string): void {
    for (const map of [this.#links, this.#sessions]) {
      for (const [name, { proof }] of map) if (proof.identity.path === identity) map.delete(name)
    }
  }

  #isOpen({ begun, used }: Kept): boolean {
    const now = this.#now()
    return isWithin(now, begun, sessionBounds.most) && isWithin(now, Math.min(used, now), sessionBounds.idle)
  }

  #sweep(): void {
    const now = this.#now()
    for (const [name, { made }] of this.#links) if (!isWithin(now, made, sessionBounds.link)) this.#links.delete(name)
    for (const [name, session] of this.#sessions) if (!this.#isOpen(session)) this.#sessions.delete(name)
  }
}

interface Kept extends Session {
  readonly begun: number
  used: number
}

/** Asked so that a clock that was set back ends it, and so does a time that is no number. */
const isWithin = (now: number, from: number, span: number): boolean => now >= from && now < from + span

/** What comes from outside is never a key of a map as it is: a table of chosen keys can be made slow (CVE-2026-21717). */
const nameOf = (secret: string): string => hex(nodeSha256(utf8(secret)))

/** Drops the oldest of this operator, or of all, where one more would be too many: it can be asked for again. */
function makeRoom(map: Map<string, { readonly proof: PeerProof }>, identity: string, each: number): void {
  const own = [...map].filter(([, { proof }]) => proof.identity.path === identity).map(([name]) => name)
  if (own.length >= each) map.delete(own[0]!)
  const [oldest] = map.keys()
  if (map.size >= sessionBounds.all) map.delete(oldest!)
}
