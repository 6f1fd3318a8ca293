import { type Json, readJson, readUtf8 } from '@mintmark/core/bytes'
import type { PublicKey } from '@mintmark/core/keys'
import { type Envelope, saltLength } from '@mintmark/core/signed'

/** A message that passed every check. Made by the receiver alone. */
export class Received {
  /** DID of the sender, in good standing when it was accepted. */
  readonly from: string
  /** The key that the registry had of the sender, and that signed. */
  readonly key: PublicKey
  readonly scope: string
  readonly payload: Uint8Array
  /** Media type. */
  readonly contentType: string
  /** Unix milliseconds by the sender's clock; undefined where it counts. */
  readonly issued: number | undefined
  /** The device that the sender speaks for; it is bound to it in the registry. */
  readonly onBehalfOf: string | undefined
  /** Unix milliseconds. */
  readonly acceptedAt: number
  /** It came encrypted: nobody who carried it could read it. */
  readonly isSealed: boolean
  /**
   * Salt and payload: with the envelope it proves the payload to others (`proveDisclosure`), also where it was sealed.
   * Secret as the payload is.
   */
  readonly disclosure: Uint8Array
  /** What can be kept: it stays verifiable without the payload. */
  readonly envelope: Uint8Array

  constructor(
    { did, key }: { readonly did: string; readonly key: PublicKey },
    { claims, bytes }: Envelope,
    disclosure: Uint8Array,
    acceptedAt: number,
  ) {
    this.from = did
    this.key = key
    this.scope = claims.scope
    this.payload = disclosure.subarray(saltLength)
    this.contentType = claims.contentType ?? 'application/octet-stream'
    this.issued = 'issued' in claims.once ? claims.once.issued : undefined
    this.onBehalfOf = claims.onBehalfOf
    this.acceptedAt = acceptedAt
    this.isSealed = claims.sealed !== undefined
    this.disclosure = disclosure
    this.envelope = bytes
  }

  /** The payload as text. @throws Refused `bad-encoding` */
  text(): string {
    return readUtf8(this.payload)
  }

  /** The payload as JSON. @throws Refused `bad-json` */
  json(): Json {
    return readJson(this.payload)
  }
}
