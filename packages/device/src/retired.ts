import { readFileSync } from 'node:fs'
import { base64url, readBase64url, readJson, readPemBlocks, utf8 } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import { path, type Role, readPath } from '@mintmark/core/names'
import { isCode, writeFileDurably } from '@mintmark/elements'
import { file } from './home.ts'
import type { Facts } from './home-facts.ts'
import { fields } from './reply.ts'

//     {
//       "v": 1,
//       "identity": "spiffe://acme.example.test/device/device-104",
//       "did": "did:key:z6Mk...",
//       "url": "https://localhost:8443",
//       "fleet": "acme",
//       "name": "device-104",
//       "role": "device",
//       "keyId": "1299a33d...",         of the key that is wiped
//       "retired": "2026-11-22T...Z",   by the device's clock
//       "notice": "...",                statement, base64url
//       "chain": "-----BEGIN ...",      of the notice
//       "confirmation": "...",          statement, base64url
//       "confirmed": null               when the platform took it
//     }

/** retired.json: why this home is over, and the word that the platform is to have. Written before anything is wiped. */
export interface Retired extends Facts {
  /** Of the key that is wiped. */
  readonly keyId: string
  /** RFC 3339, by the device's clock. */
  readonly retired: string
  readonly notice: Uint8Array
  /** PEM: the certificate of the notice key, and the people CA. */
  readonly chain: string
  readonly confirmation: Uint8Array
  /** RFC 3339; null until the platform has taken the confirmation. */
  readonly confirmed: string | null
}

/** The first one stays: where two ask at once, both tell the platform the same. */
export function keepRetired(directory: string, retired: Retired): void {
  try {
    writeFileDurably(file(directory, 'retired'), utf8(textOf(retired)), { mode: 0o644, replace: false })
  } catch (error) {
    if (!isCode(error, 'EEXIST')) throw error
  }
}

export function keepConfirmed(directory: string, retired: Retired, confirmed: string): Retired {
  const told = { ...retired, confirmed }
  writeFileDurably(file(directory, 'retired'), utf8(textOf(told)), { mode: 0o644, replace: true })
  return told
}

/** Reads what was kept. Another version or an unknown field is refused: a newer Mintmark wrote it. */
export function readRetired(directory: string): Retired {
  const all = fields(readJson(readFileSync(file(directory, 'retired'))))
  const text = (name: (typeof texts)[number]): string => {
    const value = all[name]
    if (typeof value !== 'string') throw new Refused('bad-json', `retired.json ${name}`)
    return value
  }
  const { v, confirmed } = all
  const known: readonly string[] = ['v', 'confirmed', ...texts]
  const whole = v === 1 && (confirmed === null || typeof confirmed === 'string')
  if (!whole || Object.keys(all).some(name => !known.includes(name))) throw new Refused('bad-json', 'retired.json')
  const chain = text('chain')
  readPemBlocks('CERTIFICATE', chain)
  return {
    ...readPath(path({ fleet: text('fleet'), role: text('role') as Role, name: text('name') })),
    identity: text('identity'),
    did: text('did'),
    url: text('url'),
    keyId: text('keyId'),
    retired: text('retired'),
    notice: readBase64url(text('notice')),
    chain,
    confirmation: readBase64url(text('confirmation')),
    confirmed,
  }
}

const texts = [
  'identity',
  'did',
  'url',
  'fleet',
  'name',
  'role',
  'keyId',
  'retired',
  'notice',
  'chain',
  'confirmation',
] as const satisfies readonly (keyof Retired)[]

function textOf({ notice, confirmation, confirmed, ...rest }: Retired): string {
  const statements = { notice: base64url(notice), confirmation: base64url(confirmation) }
  return `${JSON.stringify({ v: 1, ...rest, ...statements, confirmed }, undefined, 2)}\n`
}
