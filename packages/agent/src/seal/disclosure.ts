import { Refused } from '@mintmark/core/errors'
import { checkSignature, readDidKey, type Verify, webCryptoVerify } from '@mintmark/core/keys'
import { isNamed, readDisclosure, readEnvelope } from '@mintmark/core/signed'

/** What an envelope and the disclosure of its content prove, to somebody who has neither key. */
export interface Disclosed {
  /** did:key of the key that signed. */
  readonly from: string
  readonly to: string
  readonly scope: string
  readonly payload: Uint8Array
  /** Media type. */
  readonly contentType: string
  /** Unix milliseconds by the sender's clock; undefined where it counts. */
  readonly issued: number | undefined
  readonly onBehalfOf: string | undefined
  readonly isSealed: boolean
}

/**
 * Holds a disclosure, salt and content, against an envelope that was kept. It says nothing of standing: whether the key
 * was good at that time is for the registry, or the ledger.
 * @param from did:key of the sender, known from elsewhere
 * @throws Refused `envelope-signature`, `body-refused`, `algorithm-refused`, `bad-envelope`, `bad-did`
 */
export async function proveDisclosure(
  envelope: Uint8Array,
  disclosure: Uint8Array,
  from: string,
  verify: Verify = webCryptoVerify,
): Promise<Disclosed> {
  const read = readEnvelope(envelope)
  const { claims, algorithm, signed, signature } = read
  const key = readDidKey(from)
  if (algorithm !== key.algorithm) throw new Refused('algorithm-refused', 'not that of the key')
  const isTheirs = isNamed(key, claims.key) && (await checkSignature(verify, key, signed, signature))
  if (!isTheirs) throw new Refused('envelope-signature')
  return {
    from,
    to: claims.audience,
    scope: claims.scope,
    payload: readDisclosure(read, disclosure),
    contentType: claims.contentType ?? 'application/octet-stream',
    issued: 'issued' in claims.once ? claims.once.issued : undefined,
    onBehalfOf: claims.onBehalfOf,
    isSealed: claims.sealed !== undefined,
  }
}
