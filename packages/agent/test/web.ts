import { createHash, generateKeyPairSync, sign } from 'node:crypto'
import { once } from 'node:events'
import type { RequestListener } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { pem } from '@mintmark/core/bytes'
import { admitSpki, type Key } from '@mintmark/core/keys'
import * as forging from '@mintmark/testing/forge'
import { isPublicAddress } from '../src/node/did-web/addresses.ts'
import type { Web } from '../src/node/did-web/fetch.ts'

// A web of https servers on loopback, with a root of its own.

const day = 86_400_000

export class TestWeb {
  readonly anchor: string
  /** What was resolved, and what was asked for, in order. */
  readonly resolved: string[] = []
  readonly asked: string[] = []
  /** By host, `127.0.0.1` where nothing is said. */
  readonly addresses = new Map<string, readonly string[]>()
  /** What is served, by path. */
  readonly pages = new Map<string, RequestListener>()
  readonly #root: forging.Forger
  readonly #servers: Server[] = []

  private constructor(root: forging.Forger, anchor: string) {
    this.#root = root
    this.anchor = anchor
  }

  static async start(): Promise<TestWeb> {
    const { key } = makeKey()
    // As a forged certificate names its key.
    const keyId = createHash('sha256').update(key.publicKey.spki).digest().subarray(0, 20)
    const root = { key, subject: forging.commonName('a root'), keyId }
    const parts = { subject: root.subject, basicConstraints: forging.isAuthority, keyUsage: forging.signsCertificates }
    const own = { ...parts, spki: key.publicKey.spki, purposes: null, altNames: null }
    return new TestWeb(root, pem('CERTIFICATE', await forging.forge(root, own, Date.now())))
  }

  /** @returns the port of a server that is proven to be this host, for 127.0.0.1 unless another address is said */
  async listen(host: string, { address = '127.0.0.1', port = 0, notAfter = Date.now() + day } = {}): Promise<number> {
    const { key, text } = makeKey()
    const altNames = forging.sequence(forging.generalName(2, host))
    const parts = { spki: key.publicKey.spki, altNames, purposes: [forging.purposes.serverAuth] }
    const leaf = { ...parts, subject: forging.commonName(host), notBefore: forging.time(Date.now() - 9 * day) }
    const signed = await forging.forge(this.#root, { ...leaf, notAfter: forging.time(notAfter) }, Date.now())
    const server = createServer({ key: text, cert: pem('CERTIFICATE', signed) }, (request, response) => {
      this.asked.push(`${address} ${request.headers.host?.replace(/:\d+$/, '')} ${request.url}`)
      const page = this.pages.get(request.url ?? '')
      if (page) page(request, response)
      else response.writeHead(404).end()
    })
    this.#servers.push(server)
    server.listen(port, address)
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  }

  /** This web, in which loopback is public as far as it is said. */
  reach(ours: readonly string[] = ['127.0.0.1', '127.0.0.2'], rest: Partial<Web> = {}): Web {
    return {
      resolve: async host => {
        this.resolved.push(host)
        return (this.addresses.get(host) ?? ['127.0.0.1']).map(address => ({
          address,
          family: address.includes(':') ? 6 : 4,
        }))
      },
      isPublic: address => ours.includes(address) || isPublicAddress(address),
      anchors: [this.anchor],
      // A machine may be busy.
      patience: 20_000,
      ...rest,
    }
  }

  /** Serves JSON. */
  put(path: string, value: unknown): void {
    this.pages.set(path, (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value))
    })
  }

  async stop(): Promise<void> {
    for (const server of this.#servers) {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    }
  }
}

function makeKey(): { readonly key: Key; readonly text: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return {
    key: {
      publicKey: admitSpki(publicKey.export({ type: 'spki', format: 'der' })),
      sign: async bytes => new Uint8Array(sign('sha256', bytes, { key: privateKey, dsaEncoding: 'ieee-p1363' })),
    },
    text: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  }
}

/** A document as the platform writes it. */
export function documentOf(did: string, ...didKeys: readonly string[]) {
  const methods = didKeys.map((key, i) => ({
    id: i === 0 ? `${did}#key` : `${did}#key-${i}`,
    type: 'Multikey',
    controller: did,
    publicKeyMultibase: key.slice('did:key:'.length),
  }))
  return {
    '@context': ['https://www.w3.org/ns/did/v1', 'https://w3id.org/security/multikey/v1'],
    id: did,
    verificationMethod: methods,
    assertionMethod: methods.map(({ id }) => id),
  }
}
