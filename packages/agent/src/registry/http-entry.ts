import { type Json, readBase64url } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import { readDidKey } from '@mintmark/core/keys'
import { compileScopes, type Standing } from '@mintmark/core/rules'
import { isNamed } from '@mintmark/core/signed'
import { window } from '../nonces/nonce-store.ts'
import type { Entry } from './registry.ts'

/** What the platform said of a name, and whose it is there. */
export interface Told {
  readonly entry: Entry
  /** Registry path: `acme/device/device-104`. */
  readonly path: string
}

/**
 * Reads the answer to `GET /v1/registry/:did`.
 * @param name that was asked for: a did:key, a short id or a did:web
 * @returns undefined for a key that is not in use yet
 * @throws Refused `key-superseded`; `unavailable` for what is no such answer
 */
export function readEntry(name: string, answer: Json): Told | undefined {
  const { identity, did, standing, scopes, recipients, devices, sequence, made, encryption } = objectOf(answer)
  if (standing === 'superseded') throw new Refused('key-superseded', name)
  if (standing === 'pending') return undefined
  if (!isStanding(standing) || typeof did !== 'string' || typeof sequence !== 'boolean') throw odd('entry')
  const key = readDidKey(did)
  // Of a name that is over the key that it had last is told, whichever was asked for.
  if (standing === 'good' && !name.startsWith('did:web:') && !isNamed(key, name)) throw odd('another key')
  const since = typeof made === 'string' ? Date.parse(made) : Number.NaN
  if (!Number.isSafeInteger(since)) throw odd('time')
  const entry: Entry = {
    did: name.startsWith('did:web:') ? name : did,
    key,
    standing,
    covers: compileScopes(textsOf(scopes)),
    recipients: recipients === null ? undefined : new Set(textsOf(recipients)),
    isCounted: sequence,
    devices: new Set(textsOf(devices)),
    // By the platform's clock, and compared with one here.
    madeAt: since - window.skew,
    encryption: typeof encryption === 'string' ? readBase64url(encryption) : undefined,
  }
  return { entry, path: readIdentity(identity) }
}

/** `spiffe://acme.example.test/device/device-104` */
function readIdentity(text: Json | undefined): string {
  const [, fleet, rest] = /^spiffe:\/\/([a-z0-9-]+)\.[a-z0-9.-]+\/([a-z]+(?:\/[a-z0-9._-]+)?)$/.exec(String(text)) ?? []
  if (fleet === undefined) throw odd('identity')
  return `${fleet}/${rest}`
}

const standings: ReadonlySet<unknown> = new Set(['good', 'revoked', 'decommissioned'] satisfies Standing[])
const isStanding = (value: unknown): value is Standing => standings.has(value)

export function objectOf(value: Json | undefined): Readonly<Record<string, Json>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw odd('no object')
  return value as Readonly<Record<string, Json>>
}

function textsOf(value: Json | undefined): readonly string[] {
  if (!Array.isArray(value) || !value.every(each => typeof each === 'string')) throw odd('no list')
  return value as readonly string[]
}

/** An answer that no platform gives; nobody is trusted by it. */
export const odd = (what: string): Refused => new Refused('unavailable', `the platform answered oddly: ${what}`)
