import type { IncomingMessage, Server } from 'node:http'
import { createServer } from 'node:https'
import type { TLSSocket } from 'node:tls'
import { base64, base64url, readPem, sha256 } from '@mintmark/core/bytes'
import { didKey, type PublicKey } from '@mintmark/core/keys'
import { append, emptyFrontier, leafHash, signCheckpoint } from '@mintmark/core/ledger'
import { type FullName, path, spiffeId } from '@mintmark/core/names'
import { change } from '@mintmark/core/rules'
import { readCertificate, readSigningRequest, signCharter, writeToken } from '@mintmark/core/signed'
import { listen } from './listening.ts'
import { type Authority, domain, makeKey, makeLeaf, makePki, makeServed, type Pki, pemOf, type TestKey } from './pki.ts'

/** What is in a reply to enroll or renew, before it is written down. Tests change one part of it. */
export interface Parts {
  publicKey: PublicKey
  name: FullName
  kind: 'identity.enrolled' | 'identity.renewed'
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

export type Receipt = Record<string, unknown>
export type Reply = Record<string, unknown> & { receipt: Receipt }

/** Receipts of one ledger under one head, each as true as the next. */
export type Receipts = Record<Entry, Receipt>
type Entry = (typeof entries)[number]

/** `own` is what a reply should have the receipt of. */
const entries = [
  'other identity',
  'other kind',
  'older certificate',
  'other device',
  'own',
  'revocation',
  'other ledger',
  'no change',
] as const

export type Instead = { status: number; body: object | string } | 'hang up' | undefined

/** A small platform built of core's own functions. It enrolls into acme what shows the token, and can be made to lie. */
export class TestPlatform {
  readonly pki: Pki
  readonly ledgerKey = makeKey('Ed25519')
  /** `METHOD path`, `token` where one was shown, and the serial of the client certificate. */
  readonly seen: string[] = []
  url = ''
  name: FullName = { fleet: 'acme', role: 'device', name: 'device-104' }
  bend: (parts: Parts) => unknown = () => undefined
  rewrite: (reply: Reply, receipts: Receipts) => unknown = () => undefined
  /** Answers in place of the platform where it gives something. */
  instead: (request: string, socket: TLSSocket, body: Record<string, unknown>) => Instead | Promise<Instead> = () =>
    undefined
  readonly #issued = new Map<string, Reply>()

  private constructor(pki: Pki) {
    this.pki = pki
  }

  static async start(pki?: Pki): Promise<TestPlatform> {
    const platform = new TestPlatform(pki ?? (await makePki()))
    const served = await makeServed(platform.pki.server)
    const server: Server = createServer(
      // As the platform does: who the client is, the test sees for itself.
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
    const body = chunks.length === 0 ? {} : JSON.parse(Buffer.concat(chunks).toString())
    const other = await this.instead(call, socket, body)
    if (other !== undefined && call === 'GET /trust/root.pem') return other
    if (call === 'GET /trust/root.pem') return { status: 200, body: pemOf(this.pki.root.der) }
    if (call === 'GET /v1/me') return other ?? { status: 200, body: { identity: spiffeId(domain, this.name), serial } }
    if (other !== undefined && !call.endsWith('/enroll') && !call.endsWith('/renew')) return other
    const { publicKey } = readSigningRequest(readPem('CERTIFICATE REQUEST', body.csr))
    // One key, one certificate: a retry gets the same bytes. Not so for a renewal.
    const known = call === 'POST /v1/enroll' ? this.#issued.get(publicKey.id) : undefined
    const kind = call === 'POST /v1/enroll' ? 'identity.enrolled' : 'identity.renewed'
    const reply = known ?? (await this.#issue(kind, publicKey, body.name))
    if (call === 'POST /v1/enroll') this.#issued.set(publicKey.id, reply)
    return other ?? { status: 201, body: reply }
  }

  async #issue(kind: Parts['kind'], publicKey: PublicKey, asked: string | undefined): Promise<Reply> {
    const { root, acme } = this.pki
    const name = { ...this.name, ...(asked !== undefined && { name: asked }) }
    const parts: Parts = {
      publicKey,
      name,
      kind,
      issuer: acme,
      anchor: root.der,
      charter: { signer: root, fleet: 'acme', domain, authority: acme, ledgerKey: this.ledgerKey, version: 1 },
      ledger: { key: this.ledgerKey, origin: `acme.${domain}/ledger` },
    }
    this.bend(parts)
    const { receipts, ...reply } = await write(parts)
    this.rewrite(reply, receipts)
    return reply
  }

  /** Forgets what it issued, so that the next request is answered anew. */
  forget(): void {
    this.#issued.clear()
  }
}

async function write(parts: Parts): Promise<Reply & { receipts: Receipts }> {
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
  const receipts = await receiptsOf(leaf, parts)
  return {
    certificate: pemOf(leaf),
    chain: pemOf(parts.issuer.der),
    anchor: pemOf(parts.anchor),
    charter: charter && base64url(charter),
    identity: spiffeId(domain, parts.name),
    did: didKey(parts.publicKey),
    tier: 'software',
    receipt: receipts.own,
    receipts,
  }
}

async function receiptsOf(leaf: Uint8Array, parts: Parts): Promise<Receipts> {
  const { origin, key } = parts.ledger
  const bytes = await entriesOf(leaf, parts)
  const hashes = entries.map(entry => leafHash(bytes[entry]))
  const tree = append(emptyFrontier, hashes)
  const checkpoint = await signCheckpoint(key, origin, hashes.length, tree.root)
  const receipts = entries.map((entry, index): [Entry, Receipt] => {
    const proof = tree.prove(index).map(base64)
    return [entry, { origin, index, entry: base64(bytes[entry]), proof, checkpoint }]
  })
  return Object.fromEntries(receipts) as Receipts
}

/** Each is what a device has no use for in one way, and right in all others. */
async function entriesOf(leaf: Uint8Array, { publicKey, name, kind, issuer }: Parts) {
  const own = { kind, ledger: name.fleet, identity: path(name), certificate: leaf }
  const other = { ...name, name: 'device-103' }
  const certificates = {
    older: await makeLeaf(issuer, publicKey, name),
    other: await makeLeaf(issuer, makeKey('Ed25519').publicKey, other),
  }
  const head = { at: 1_700_000_000_000, by: 'platform' } as const
  const issued = (fact: typeof own): Uint8Array => {
    const { publicKey, serial, notAfter } = readCertificate(fact.certificate)
    const body = { identity: fact.identity, serial, notAfter, certificate: fact.certificate }
    const { kind, ledger } = fact
    if (kind === 'identity.renewed') return change({ ...head, kind, ledger, body }).bytes
    const more = { token: undefined, replaces: undefined, spki: publicKey.spki, tier: 'software' }
    return change({ ...head, kind, ledger, body: { ...body, ...more } }).bytes
  }
  const body = { identity: own.identity, reason: 'stolen' }
  const facts: Record<Entry, Uint8Array> = {
    'other identity': issued({ ...own, identity: path(other) }),
    'other kind': issued({
      ...own,
      kind: kind === 'identity.enrolled' ? 'identity.renewed' : 'identity.enrolled',
    }),
    'older certificate': issued({ ...own, certificate: certificates.older }),
    'other device': issued({ ...own, identity: path(other), certificate: certificates.other }),
    own: issued(own),
    revocation: change({ ...head, kind: 'identity.revoked', ledger: own.ledger, body }).bytes,
    'other ledger': issued({ ...own, ledger: 'initech' }),
    'no change': leaf,
  }
  return facts
}
