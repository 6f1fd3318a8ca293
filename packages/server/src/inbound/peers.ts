import type { TLSSocket } from 'node:tls'
import { hex } from '@mintmark/core/bytes'
import { type PeerProof, provePeer } from '@mintmark/core/proof'
import type { Platform } from '../platform.ts'
import type { Sockets } from './sockets.ts'

/**
 * Proves who is behind a TLS socket: once per connection, from the leaf's DER, against our own CAs. TLS has shown that
 * the peer holds the leaf's key; Node's verdict on the chain is not read. No certificate is undefined; one that does
 * not prove is refused, never anonymous.
 */
export class Peers {
  readonly #platform: Platform
  readonly #sockets: Sockets
  readonly #proofs = new WeakMap<TLSSocket, Promise<PeerProof | undefined>>()

  constructor(platform: Platform, sockets: Sockets) {
    this.#platform = platform
    this.#sockets = sockets
  }

  prove(socket: TLSSocket): Promise<PeerProof | undefined> {
    const known = this.#proofs.get(socket)
    if (known) return known
    const proof = this.#prove(socket)
    this.#proofs.set(socket, proof)
    return proof
  }

  async #prove(socket: TLSSocket): Promise<PeerProof | undefined> {
    const leaf = socket.getPeerX509Certificate()
    if (leaf === undefined) return undefined
    const { trust, verify } = this.#platform
    const proof = await provePeer(leaf.raw, trust.domain, keyId => trust.authorities.get(hex(keyId)), verify)
    this.#sockets.add(proof.identity.path, proof.certificate.publicKey.id, socket)
    return proof
  }
}
