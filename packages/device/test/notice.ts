import { base64url, readBase64url } from '@mintmark/core/bytes'
import type { Key } from '@mintmark/core/keys'
import type { FullName } from '@mintmark/core/names'
import { type DecommissionNotice, type LeafRequest, signDecommissionNotice } from '@mintmark/core/signed'
import { type Authority, domain, makeKey, makeLeaf, type Pki, pemOf } from './pki.ts'
import type { Instead } from './platform.ts'

/** What is in an answer to a device's question, before it is written down. Tests change one part of it. */
export interface Answer {
  notice: DecommissionNotice
  /** Who issues the leaf, what it names, and how. */
  issuer: Authority
  name: FullName
  leaf: Partial<LeafRequest>
  /** Signs the notice; the leaf's own key where nothing is said. */
  signer: Key | undefined
  /** Takes the place of what was signed, and of the chain. */
  statement: ((notice: DecommissionNotice, key: Key) => Promise<Uint8Array>) | undefined
  chain: ((leaf: Uint8Array, authority: Uint8Array) => string) | undefined
}

/** Answers as a platform does whose device `acme/device/device-104` with this key is decommissioned. */
export async function answerTo(
  pki: Pki,
  keyId: string,
  asked: Record<string, unknown>,
  bend: (answer: Answer) => void = () => undefined,
): Promise<Exclude<Instead, 'hang up' | undefined>> {
  const answer: Answer = {
    notice: {
      domain,
      identity: 'acme/device/device-104',
      spki: keyId,
      nonce: readBase64url(String(asked.nonce)),
      ledger: 'acme',
      index: 7,
      issued: Date.now(),
    },
    issuer: pki.people,
    name: { fleet: 'platform', role: 'notice', name: '' },
    leaf: {},
    signer: undefined,
    statement: undefined,
    chain: undefined,
  }
  bend(answer)
  const { issuer, name, statement = (notice, key) => signDecommissionNotice(key, notice) } = answer
  const key = makeKey()
  const leaf = await makeLeaf(issuer, key.publicKey, name, answer.leaf)
  const notice = base64url(await statement(answer.notice, answer.signer ?? key))
  const { chain = pemOf } = answer
  const body = { code: 'decommissioned', message: 'over', notice, chain: chain(leaf, issuer.der) }
  return { status: 410, body }
}
