import { readJson } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import { readDidKey } from '@mintmark/core/keys'
import { path, type Role, readPath } from '@mintmark/core/names'
import { readOrigin } from './https.ts'
import { fields } from './reply.ts'

//     {
//       "v": 1,
//       "identity": "spiffe://acme.example.test/device/device-104",
//       "did": "did:key:z6Mk...",
//       "url": "https://localhost:8443",
//       "fleet": "acme",
//       "name": "device-104",
//       "role": "device"
//     }

/** home.json: who lives here and where its platform is. Nothing secret, and nothing that a proof rests on. */
export interface Facts {
  readonly identity: string
  readonly did: string
  /** `https://host[:port]`. */
  readonly url: string
  readonly fleet: string
  readonly name: string
  readonly role: Role
}

export function writeFacts({ identity, did, url, fleet, name, role }: Facts): string {
  return `${JSON.stringify({ v: 1, identity, did, url, fleet, name, role }, undefined, 2)}\n`
}

/** Reads what `writeFacts` wrote. Another version or an unknown field is refused: a newer Mintmark wrote it. */
export function readFacts(bytes: Uint8Array): Facts {
  const { v, identity, did, url, fleet, name, role, ...unknown } = fields(readJson(bytes))
  const texts = isText(identity) && isText(did) && isText(url) && isText(fleet) && isText(name) && isText(role)
  if (v !== 1 || !texts || Object.keys(unknown).length > 0) throw new Refused('bad-json', 'home.json')
  readOrigin(url)
  readDidKey(did)
  const full = readPath(path({ fleet, role: role as Role, name }))
  return { identity, did, url, ...full }
}

const isText = (value: unknown): value is string => typeof value === 'string'
