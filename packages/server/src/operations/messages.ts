import { checkBody, checkEnvelope } from '@mintmark/agent/receiver'
import { Refused } from '@mintmark/core/errors'
import { checkSignature } from '@mintmark/core/keys'
import type { Receipt } from '@mintmark/core/ledger'
import type { Identity } from '@mintmark/core/proof'
import { change } from '@mintmark/core/rules'
import { type Envelope, readEnvelopeOrMessage } from '@mintmark/core/signed'
import { nodeSha256 } from '@mintmark/elements'
import type { Platform } from '../platform.ts'
import { type Recipient, type Sender, Superseded } from '../store/index.ts'

export interface Recorded {
  /** Registry paths. */
  readonly from: string
  readonly to: string
  readonly receipt: Receipt
}

/** Longest body that is relayed, in bytes. */
export const longestBody = 65_536

/**
 * Refused for who sent the message, which its signature proves, and not for who brought it: the fact is of the sender.
 */
export class RefusedSender extends Refused {
  /** Registry path. */
  readonly sender: string

  constructor(refused: Refused, sender: string) {
    const { code, detail, retryAfter } = refused
    super(code, detail, { cause: refused, ...(retryAfter !== undefined && { retryAfter }) })
    this.sender = sender
  }
}

/**
 * Records a message by its envelope: checked as by any receiver, and accepted once, in the transaction that spends its
 * nonce. Sender and receiver are names of the fleet of whoever brings it. A body is relayed where it is sealed, and never
 * kept; one that is not sealed is refused, as nobody but its receiver is to have it.
 * @param by who brings it: the sender, or whoever received it
 * @param bytes an envelope, or a message
 */
export async function recordMessage(platform: Platform, by: Identity, bytes: Uint8Array): Promise<Recorded> {
  const { store, now, verify, trust } = platform
  const { envelope, body } = readEnvelopeOrMessage(bytes, longestBody)
  if (body !== undefined && envelope.claims.sealed === undefined) {
    const hint = 'send the envelope alone, or seal the message to its receiver: the platform takes no payload'
    throw new Refused('body-refused', 'not sealed', { hint })
  }
  const fleet = store.correspondents(by.fleet, trust.domain)
  let to: Recipient | undefined
  let from: Sender | undefined
  const audiences = {
    async has(audience: string) {
      to = await fleet.recipient(audience)
      return to !== undefined
    },
  }
  const registry = {
    async lookup(key: string, issuer: string | undefined) {
      from = await fleet.sender(key, issuer, to)
      return from
    },
  }
  try {
    await checkEnvelope(envelope, { audiences, registry, now, verify })
    if (body !== undefined) checkBody(envelope, body, nodeSha256)
    const facts = { identity: from!.identity, to: to!.row.identity, spki: from!.key.spki, envelope: envelope.bytes }
    const fact = change({ kind: 'message.accepted', at: now(), by: by.path, ledger: by.fleet, body: facts })
    const receipt = await store.commit(fact)
    if (body !== undefined) {
      const { audience, scope } = envelope.claims
      const { identity: from, to } = facts
      platform.relay.offer({ fleet: by.fleet, from, to, audience, scope, index: receipt.index, message: bytes })
    }
    return { from: facts.identity, to: facts.to, receipt }
  } catch (error) {
    const sender = error instanceof Superseded ? error.sender : from
    if (!(error instanceof Refused) || sender === undefined || !(await isOfSender(platform, error, sender))) throw error
    await checkSigned(platform, envelope, sender)
    throw new RefusedSender(error, sender.identity)
  }
}

/**
 * Whether it says something of the sender: then nobody else is to be suspected, and nobody without its key can have it
 * said. Whoever brings the message can be revoked too.
 */
async function isOfSender({ store }: Platform, { code }: Refused, { identity }: Sender): Promise<boolean> {
  if (code === 'key-superseded' || code === 'slow-down') return true
  if (code !== 'revoked' && code !== 'decommissioned') return false
  return (await store.standingNow(identity))?.standing === code
}

async function checkSigned({ verify }: Platform, envelope: Envelope, { key }: Sender): Promise<void> {
  const holds = await checkSignature(verify, key, envelope.signed, envelope.signature)
  if (envelope.algorithm !== key.algorithm || !holds) throw new Refused('envelope-signature')
}
