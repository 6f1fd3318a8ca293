import { pem } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import { readCertificate, readCharter, signSigningRequest } from '@mintmark/core/signed'
import { nodeVerify } from '@mintmark/elements'
import type { Enrolled } from './enroll.ts'
import { file, type Home, pemChain, readHome, writeHome } from './home.ts'
import { connect } from './https.ts'
import { type Issued, proveIssued } from './issued.ts'
import { fields } from './reply.ts'

export interface Renewal {
  /** Directory of the home. */
  readonly home: string
  readonly now: () => number
}

/**
 * Another certificate for the same key, over mutual TLS. In two phases: the old certificate stays until the platform
 * has answered to the new one, so an interruption or a bad reply leaves a home that still works.
 */
export async function renew({ home: directory, now }: Renewal): Promise<Enrolled> {
  const home = readHome(directory)
  const issued = await ask(home, now)
  if (issued.spiffeId !== home.identity) throw new Refused('reply-refused', 'another identity')
  await checkCharterGrows(home, issued)
  await tryOut(home, issued, now)
  const { chain, receipt, tier, certificate } = issued
  const { identity, did, url, fleet, name, role, anchor } = home
  const facts = { identity, did, url, fleet, name, role }
  writeHome(directory, { facts, chain, anchor, charter: issued.charter?.bytes, receipt })
  const { serial, notAfter } = certificate
  return { ...facts, certificate: file(directory, 'certificate'), tier, serial, notAfter }
}

async function ask(home: Home, now: () => number): Promise<Issued> {
  const { url, anchor, certificate, key, keyFile, name } = home
  const csr = pem('CERTIFICATE REQUEST', await signSigningRequest(key))
  const platform = connect({ url, anchor, identity: { certificate, key: keyFile }, now })
  try {
    const { body, domain } = await platform.post('/v1/renew', { csr })
    const asked = { publicKey: key.publicKey, name, kind: 'identity.renewed' } as const
    return await proveIssued(body, { ...asked, anchor, domain, at: now() })
  } finally {
    platform.close()
  }
}

/** The platform keeps every charter that the root ever signed; an older one would bring an old CA or release root back. */
async function checkCharterGrows({ charter, anchor }: Home, issued: Issued): Promise<void> {
  if (charter === undefined) return
  const { version } = await readCharter(charter, readCertificate(anchor).publicKey, nodeVerify)
  if ((issued.charter?.version ?? 0) < version) throw new Refused('reply-refused', 'an older charter')
}

async function tryOut({ url, anchor, keyFile, identity }: Home, issued: Issued, now: () => number): Promise<void> {
  const certificate = pemChain(issued.chain)
  const platform = connect({ url, anchor, identity: { certificate, key: keyFile }, now })
  try {
    const me = fields((await platform.get('/v1/me')).body)
    const isNew = me.identity === identity && me.serial === issued.certificate.serial
    if (!isNew) throw new Refused('reply-refused', 'the new certificate is not the one that the platform sees')
  } finally {
    platform.close()
  }
}
