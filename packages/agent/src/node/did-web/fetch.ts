import { lookup } from 'node:dns/promises'
import type { IncomingMessage } from 'node:http'
import { request } from 'node:https'
import type { LookupFunction } from 'node:net'
import { Refused } from '@mintmark/core/errors'
import { isPublicAddress } from './addresses.ts'
import type { DidWeb } from './name.ts'

/** What a document is fetched through. */
export interface Web {
  /** Every address of a host. */
  resolve(host: string): Promise<readonly Address[]>
  isPublic(address: string): boolean
  /** Roots that servers are proven by, PEM. Not said: those of Node. */
  readonly anchors?: readonly string[]
  /** Where hosts listen whose DID says no port. Not said: 443. */
  readonly port?: number
  /** Milliseconds that a document may take. Not said: 3,000. */
  readonly patience?: number
}

export interface Address {
  readonly address: string
  readonly family: number
}

/** The Internet, by the resolver of this machine. */
export const publicWeb: Web = { resolve: host => lookup(host, { all: true }), isPublic: isPublicAddress }

const longestDocument = 65_536
/** More addresses than any host has that serves documents. */
const mostAddresses = 32

/**
 * Fetches the document of a DID, over TLS that proves the host, from an address that was checked.
 * @param patience milliseconds for all of it
 * @returns undefined where the host says that there is none
 * @throws Refused `did-document-refused`, `unavailable`
 */
export async function fetchDocument(web: Web, name: DidWeb, patience: number): Promise<Uint8Array | undefined> {
  const signal = AbortSignal.timeout(patience)
  try {
    const addresses = await withSignal(web.resolve(name.host), signal)
    if (!(addresses.length > 0 && addresses.length <= mostAddresses)) throw refuse('addresses')
    // All of them: a name that leads inside by one of its addresses is not to be tried until it does.
    if (!addresses.every(({ address }) => web.isPublic(address))) throw refuse('an address that is not public')
    const response = await ask(web, name, addresses, signal)
    try {
      return await readResponse(response)
    } finally {
      response.destroy()
    }
  } catch (cause) {
    if (cause instanceof Refused) throw cause
    throw new Refused('unavailable', `${name.host} does not answer`, { cause })
  }
}

/** The names are looked up once, before: the connection knows no other addresses than those that were checked. */
function ask(
  { anchors, port: usual = 443 }: Web,
  { host, port = usual, path }: DidWeb,
  addresses: readonly Address[],
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const checked: LookupFunction = (_host, { all }, tell) => {
    if (all)
      tell(
        null,
        addresses.map(one => ({ ...one })),
      )
    else tell(null, addresses[0]!.address, addresses[0]!.family)
  }
  const headers = { accept: 'application/did+json, application/json', 'accept-encoding': 'identity' }
  const trust = { rejectUnauthorized: true, ...(anchors && { ca: [...anchors] }) }
  return new Promise((resolve, reject) => {
    request({ host, port, path, headers, lookup: checked, agent: false, signal, ...trust }, resolve)
      .on('error', reject)
      .end()
  })
}

async function readResponse(response: IncomingMessage): Promise<Uint8Array | undefined> {
  const { statusCode: status = 0, headers } = response
  if (status === 404 || status === 410) return undefined
  if (status >= 500 || status === 429) throw new Refused('unavailable', `status ${status}`)
  // Redirects too: where they lead, nobody has checked.
  if (status !== 200) throw refuse(`status ${status}`)
  if (!mediaType.test(headers['content-type'] ?? '')) throw refuse('content type')
  if ((headers['content-encoding'] ?? 'identity') !== 'identity') throw refuse('content encoding')
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of response as AsyncIterable<Uint8Array>) {
    length += chunk.length
    if (length > longestDocument) throw refuse('length')
    chunks.push(chunk)
  }
  return Uint8Array.from(Buffer.concat(chunks))
}

const mediaType = /^application\/(did\+ld\+json|did\+json|ld\+json|json|did)\s*(;\s*charset="?utf-8"?)?$/i

/** The resolver of the machine cannot be told to stop; what it says too late is dropped. */
function withSignal<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    work.then(resolve, reject)
  })
}

const refuse = (what: string): Refused => new Refused('did-document-refused', what)
