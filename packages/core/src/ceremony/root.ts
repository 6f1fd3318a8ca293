import { equal } from '../bytes/bytes.ts'
import { DerReader, readDer, tag } from '../bytes/der.ts'
import { readUtf8 } from '../bytes/text.ts'
import { Refused } from '../errors/refused.ts'
import type { Key } from '../keys/key.ts'
import { readDomain } from '../names/names.ts'
import { type Certificate, readCertificate } from '../signed/certificate.ts'
import { commonName, keyIdentifier, type RootRequest, signCertificate } from '../signed/profile.ts'

/** Which platform a root is of. A development root says so wherever its certificate is shown. */
export interface RootName {
  readonly domain: string
  readonly development: boolean
}

export const rootTitle = ({ domain, development }: RootName): string =>
  `Mintmark ${development ? 'DEVELOPMENT root' : 'root'}, ${domain}`

/** Makes the root certificate itself: self-signed, path length 1. */
export async function signRoot(key: Key, request: Omit<RootRequest, 'kind' | 'publicKey'>): Promise<Certificate> {
  const issuer = { key, subject: commonName(request.title), keyId: keyIdentifier(key.publicKey) }
  return readCertificate(await signCertificate(issuer, { ...request, kind: 'root', publicKey: key.publicKey }))
}

/** The name that `rootTitle` gave it. @throws Refused `bad-certificate` where its subject is any other */
export function rootName(root: Certificate): RootName {
  const relative = new DerReader(readDer(root.subject, tag.sequence).body).set().sequence()
  relative.oid()
  const [, development, domain] = /^Mintmark (DEVELOPMENT )?root, (.+)$/.exec(readUtf8(relative.element().body)) ?? []
  const name = { domain: readDomain(domain ?? ''), development: development !== undefined }
  if (!equal(root.subject, commonName(rootTitle(name)))) throw new Refused('bad-certificate', 'title of a root')
  return name
}
