import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { type AuthorityItem, authorityHost, authorityTitle, writeCeremonyRequest } from '@mintmark/core/ceremony'
import type { Key, KeyAlgorithm } from '@mintmark/core/keys'
import { type AuthorityRequest, signSigningRequest } from '@mintmark/core/signed'
import { createKeyFile } from '@mintmark/elements'
import { type RootPorts, serial } from './keys.ts'

export interface Founding extends RootPorts {
  /** Where the keys of the CAs stand for as long as they are made; none is kept. */
  readonly directory: string
  readonly domain: string
  readonly anchor: string
}

/** A request such as a platform makes when it is founded with one fleet: three CAs and a charter. */
export async function foundingRequest(founding: Founding): Promise<Uint8Array> {
  const { domain, anchor, now } = founding
  const fleet = await authority(founding, 'fleet', 'rehearsal')
  const charter = {
    domain,
    fleet: 'rehearsal',
    version: 1,
    authority: fleet.request.publicKey.id,
    ledgerKey: passingKey(founding, 'Ed25519').publicKey.raw,
    releaseRoot: undefined,
    issued: now(),
  }
  const platform = [await authority(founding, 'server'), await authority(founding, 'people')]
  return writeCeremonyRequest({
    domain,
    created: now(),
    anchor,
    items: [...platform, fleet, { kind: 'charter', charter }],
  })
}

async function authority(founding: Founding, use: AuthorityRequest['use'], fleet?: string): Promise<AuthorityItem> {
  const { domain, now, random } = founding
  const key = passingKey(founding, 'P-256')
  const request: AuthorityRequest = {
    kind: 'authority',
    use,
    title: authorityTitle(domain, use, fleet),
    host: authorityHost(domain, use, fleet),
    serial: serial(random),
    publicKey: key.publicKey,
    notBefore: now() - 300_000,
    notAfter: now() + 5 * 365 * 86_400_000,
  }
  return { kind: 'authority', request, fleet, possession: await signSigningRequest(key) }
}

function passingKey({ directory }: Founding, algorithm: KeyAlgorithm): Key {
  const path = join(directory, '.passing-key.pem')
  try {
    return createKeyFile(path, algorithm)
  } finally {
    rmSync(path, { force: true })
  }
}
