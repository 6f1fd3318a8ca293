import type { IncomingMessage, Server } from 'node:http'
import { createServer } from 'node:https'
import type { TLSSocket } from 'node:tls'
import { base64, base64url, concat, readPem, sha256 } from '@mintmark/core/bytes'
import { didKey, type PublicKey } from '@mintmark/core/keys'
import { append, emptyFrontier, leafHash, signCheckpoint } from '@mintmark/core/ledger'
import { type FullName, spiffeId } from '@mintmark/core/names'
import { readSigningRequest, signCharter, writeToken } from '@mintmark/core/signed'
import { listen } from './listening.ts'
import { type Authority, domain, makeKey, makeLeaf, makePki, makeServed, type Pki, pemOf, type TestKey } from './pki.ts'

/** What is in a reply to enroll or renew, before it is written down. Tests change one part of it. */
export interface Parts {
  publicKey: PublicKey
  name: FullName
  issuer: Authority
  anchor: Uint8Array
  charter: {
    signer: Authority
    fleet: string
    domain: string
    authority: Authority
    ledgerKey: TestKey
    version: number
  } | null
  ledger: { key: TestKey; origin: string }
}

export type Reply = Record<string, unknown> & { receipt: Record<string, unknown> }

/** A small platform built of core's own functions. It enrolls into acme what shows the token, and can be made to lie. */
export class TestPlatform {
  readonly pki: Pki
  readonly ledgerKey = makeKey('Ed25519')
  /** `METHOD path`, `token` where one was shown, and the serial of the client certificate. */
  readonly seen: string[] = []
  url = ''
  name: FullName = { fleet: 'acme', role: 'device', name: 'device-104' }
  bend: (parts: Parts) => unknown = () => undefined
  rewrite: (reply: Reply) => unknown = () => undefined
  /** Answers in place of the platform where it gives something. */
  instead: (request: string, socket: TLSSocket) => { status: number; body: object | string } | 'hang up' | undefined =
    () => undefined
  readonly #issued = new Map<string, Reply>()

  private constructor(pki: Pki) {
    this.pki = pki
  }

  static async start(pki?: Pki): Promise<TestPlatform> {
    const platform = new TestPlatform(pki ?? (await makePki()))
    const served = await makeServed(platform.pki.server)
    const server: Server = createServer(
      { ...served, ca: pemOf(platform.pki.root.der), requestCert: true, rejectUnauthorized: false },
      (request, response) => {
        platform.#answer(request).then(answer => {
          if (answer === 'hang up') return void request.socket.destroy()
          response
            .writeHead(answer.status, { 'content-type': 'application/json' })
            .end(typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body))
        })
      },
    )
    platform.url = (await listen(server)).url
    return platform
  }

  token({ anchor = this.pki.root.der, url = this.url } = {}): string {
    const [id, secret] = [new Uint8Array(16).fill(1), new Uint8Array(32).fill(2)]
    return writeToken({ id, secret, anchor: sha256(anchor), url })
  }

  async #answer(request: IncomingMessage) {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const socket = request.socket as TLSSocket
    const serial = socket.getPeerX509Certificate()?.serialNumber.toLowerCase()
    const call = `${request.method} ${request.url}`
    const bearer = request.headers.authorization?.startsWith('Bearer mmt1_') ? ' token' : ''
    this.seen.push(`${call}${bearer}${serial === undefined ? '' : ` ${serial}`}`)
    const other = this.instead(call, socket)
    if (other !== undefined && call === 'GET /trust/root.pem') return other
    const body = chunks.length === 0 ? {} : JSON.parse(Buffer.concat(chunks).toString())
    if (call === 'GET /trust/root.pem') return { status: 200, body: pemOf(this.pki.root.der) }
    if (call === 'GET /v1/me') return other ?? { status: 200, body: { identity: spiffeId(domain, this.name), serial } }
    const { publicKey } = readSigningRequest(readPem('CERTIFICATE REQUEST', body.csr))
    // One key, one certificate: a retry gets the same bytes. Not so for a renewal.
    const known = call === 'POST /v1/enroll' ? this.#issued.get(publicKey.id) : undefined
    const reply = known ?? (await this.#issue(publicKey, body.name))
    if (call === 'POST /v1/enroll') this.#issued.set(publicKey.id, reply)
    return other ?? { status: 201, body: reply }
  }

  async #issue(publicKey: PublicKey, asked: string | undefined): Promise<Reply> {
    const { root, acme } = this.pki
    const name = { ...this.name, ...(asked !== undefined && { name: asked }) }
    const parts: Parts = {
      publicKey,
      name,
      issuer: acme,
      anchor: root.der,
      charter: { signer: root, fleet: 'acme', domain, authority: acme, ledgerKey: this.ledgerKey, version: 1 },
      ledger: { key: this.ledgerKey, origin: `acme.${domain}/ledger` },
    }
    this.bend(parts)
    const reply = await write(parts)
    this.rewrite(reply)
    return reply
  }

  /** Forgets what it issued, so that the next request is answered anew. */
  forget(): void {
    this.#issued.clear()
  }
}

async function write(parts: Parts): Promise<Reply> {
  const leaf = await makeLeaf(parts.issuer, parts.publicKey, parts.name)
  const charter =
    parts.charter &&
    (await signCharter(parts.charter.signer.issuer.key, {
      domain: parts.charter.domain,
      fleet: parts.charter.fleet,
      version: parts.charter.version,
      authority: parts.charter.authority.publicKey.id,
      ledgerKey: parts.charter.ledgerKey.publicKey.raw,
      releaseRoot: undefined,
      issued: 1_700_000_000_000,
    }))
  return {
    certificate: pemOf(leaf),
    chain: pemOf(parts.issuer.der),
    anchor: pemOf(parts.anchor),
    charter: charter && base64url(charter),
    identity: spiffeId(domain, parts.name),
    did: didKey(parts.publicKey),
    tier: 'software',
    receipt: await receiptOf(leaf, parts),
  }
}

async function receiptOf(leaf: Uint8Array, { ledger }: Parts) {
  const entries = [0, 1, 2, 3, 4, 5, 6].map(i => leafHash(concat(Uint8Array.of(i), leaf)))
  const tree = append(emptyFrontier, entries)
  const index = 4
  return {
    origin: ledger.origin,
    index,
    leaf: base64(entries[index]!),
    proof: tree.prove(index).map(base64),
    checkpoint: await signCheckpoint(ledger.key, ledger.origin, entries.length, tree.root),
  }
}
