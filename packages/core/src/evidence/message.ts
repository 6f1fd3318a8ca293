import { equal, hex, type Sha256, sha256 } from '../bytes/index.ts'
import { Refused } from '../errors/index.ts'
import { admitSpki, checkSignature, didKey, type Verify } from '../keys/index.ts'
import type { Change } from '../rules/index.ts'
import { type Envelope, isNamed, readEnvelope, readMessage } from '../signed/index.ts'

/** What a recorded message says, as people and programs read it. Never what was sent: only its digest is known. */
export interface MessageView {
  /** Registry paths. */
  readonly from: string
  readonly to: string
  /** did:key of the sender's key. */
  readonly did: string
  /** As the sender wrote it: a DID or a short id of the receiver. */
  readonly audience: string
  readonly scope: string
  /** By the sender's clock, ISO 8601; null where it counts. */
  readonly issued: string | null
  readonly sequence: number | null
  readonly onBehalfOf: string | null
  readonly contentType: string
  readonly isSealed: boolean
  /** SHA-256 of the body, hex. */
  readonly digest: string
}

/** Reads what a fact of this kind says; nothing of it is proven by that. @throws Refused `bad-envelope` */
export function messageView({ body: { identity, to, spki, envelope } }: Change<'message.accepted'>): MessageView {
  const { audience, scope, once, onBehalfOf, contentType, sealed, digest } = readEnvelope(envelope).claims
  return {
    from: identity,
    to,
    did: didKey(admitSpki(spki)),
    audience,
    scope,
    issued: 'issued' in once ? new Date(once.issued).toISOString() : null,
    sequence: 'sequence' in once ? once.sequence : null,
    onBehalfOf: onBehalfOf ?? null,
    contentType: contentType ?? 'application/octet-stream',
    isSealed: sealed !== undefined,
    digest: hex(digest),
  }
}

/**
 * The key in the fact made the signature of the envelope in it: whoever has that key sent this.
 * @throws Refused `bad-envelope`, `algorithm-refused`, `key-refused`, `envelope-signature`
 */
export async function checkMessageFact({ body }: Change<'message.accepted'>, verify: Verify): Promise<Envelope> {
  const envelope = readEnvelope(body.envelope)
  const key = admitSpki(body.spki)
  if (envelope.algorithm !== key.algorithm) throw new Refused('algorithm-refused', 'not that of the key in the entry')
  if (!isNamed(key, envelope.claims.key)) throw new Refused('envelope-signature', 'the entry has another key')
  const isSigned = await checkSignature(verify, key, envelope.signed, envelope.signature)
  if (!isSigned) throw new Refused('envelope-signature')
  return envelope
}

/** `sent`: what travelled beside the envelope. `plain`: what was sealed, salt and content. */
export type Disclosed = 'sent' | 'plain'

/**
 * Holds what somebody shows against what was signed: the message as it was sent, its body alone (salt and content), or
 * of a sealed one the salt and the content that were sealed. @throws Refused `body-refused`
 */
export function checkDisclosed(
  { body }: Change<'message.accepted'>,
  shown: Uint8Array,
  hash: Sha256 = sha256,
): Disclosed {
  const { digest, sealed } = readEnvelope(body.envelope).claims
  if (equal(hash(bodyIn(shown, body.envelope)), digest)) return 'sent'
  if (sealed && equal(hash(shown), sealed.commitment)) return 'plain'
  throw new Refused('body-refused', 'of another message')
}

/** Bytes that are a message with this envelope have its body behind it; any others are a body. */
function bodyIn(shown: Uint8Array, envelope: Uint8Array): Uint8Array {
  if (!equal(shown.subarray(0, envelope.length), envelope)) return shown
  return readMessage(shown, shown.length).body
}
