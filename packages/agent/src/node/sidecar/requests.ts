import { base64, base64url, equal, type Json, readBase64, readJson, sha256, utf8 } from '@mintmark/core/bytes'
import { codes, hintOf, Refused } from '@mintmark/core/errors'
import type { EncryptionKey } from '@mintmark/core/signed'
import { Agent, type AgentOptions, type Outgoing } from '../../agent.ts'
import type { Received } from '../../received.ts'
import { HttpTransport } from '../../transport/http.ts'
import { type Handler, readBody } from '../../transport/http-handler.ts'
import { longestMessage } from '../../transport/recipient.ts'

//     POST /send     {"to": "did:key:...", "scope": "telemetry:write", "payload": {"celsius": 21.5}}
//                    or "base64" in place of "payload"; and, where it is wanted, "contentType", "onBehalfOf", "seal": true,
//                    "url": "https://..." to have it delivered
//       200          {"message": "<base64>"}, or the bytes where application/mint is accepted; {"delivered": true}
//     POST /receive  the bytes of a message
//       200          {"from", "scope", "sealed", "issued", "acceptedAt", "onBehalfOf", "contentType", "base64", "payload",
//                    "envelope"}
//     GET  /whoami
//       200          {"did": "did:key:..."}, and while others can seal to it "encryption": {"key": "<base64url>", "expires"}
//     otherwise      {"code": "scope-refused", "message": "...", "hint": "...", "from": "receiver"}

/** Who the sidecar is, asked for each request: the key of a home may be changed while it runs. Its nonces stay. */
export type Identity = () => Promise<
  AgentOptions & Required<Pick<AgentOptions, 'key' | 'nonces'>> & { readonly announced?: EncryptionKey | undefined }
>

/** What a program asks of its sidecar. A key signs envelopes alone, never bytes that a caller has chosen. */
export function sidecarHandler(identity: Identity, told: (error: unknown) => void): Handler {
  return async request => {
    try {
      const { method, url, headers } = request
      // A page that a person opened on this computer can ask here too; a program is no page.
      if (headers.has('origin') || headers.has('sec-fetch-site')) {
        throw new Refused('origin-refused', 'a page', { hint: 'ask from a program, not from a page' })
      }
      const path = new URL(url).pathname
      if (!Object.hasOwn(operations, path)) throw new Refused('not-found')
      const [due, answer] = operations[path]!
      if (method !== due) throw new Refused('method-not-allowed')
      return await answer(request, await identity())
    } catch (error) {
      told(error)
      return refusal(error)
    }
  }
}

/** @throws Refused `refused` without the secret, `bad-request` for another host than this one */
export function checkLocal(headers: Headers, { host, secret }: { host: string; secret: string }): void {
  // A name that somebody had point here is not the address (DNS rebinding).
  if (headers.get('host') !== host) throw wrong('ask by the address that the sidecar printed')
  // Of digests, so that neither length nor beginning shows in the time.
  const [given, due] = [headers.get('authorization') ?? '', `Bearer ${secret}`]
  if (!equal(sha256(utf8(given)), sha256(utf8(due)))) throw new Refused('refused')
}

export function refusal(error: unknown): Response {
  const why = error instanceof Refused ? error : new Refused('broken')
  const { code, retryAfter } = why
  const { status, message } = codes[code]
  const hint = hintOf(why)
  const from = why instanceof ReceiverRefused ? { from: 'receiver' } : {}
  const wait = retryAfter === undefined ? {} : { retryAfter }
  const body = { code, message, ...(hint !== undefined && { hint }), ...from, ...wait }
  return Response.json(body, { status, headers: { 'cache-control': 'no-store' } })
}

type Operation = (request: Request, options: Awaited<ReturnType<Identity>>) => Promise<Response>

const operations: Readonly<Record<string, readonly [method: 'GET' | 'POST', Operation]>> = {
  '/whoami': ['GET', whoami],
  '/send': ['POST', send],
  '/receive': ['POST', receive],
}

async function whoami(_: Request, options: Awaited<ReturnType<Identity>>): Promise<Response> {
  const { did } = await Agent.create(options)
  const { key, expires } = options.announced ?? {}
  return json({ did, ...(key && { encryption: { key: base64url(key), expires } }) })
}

async function send(request: Request, options: AgentOptions): Promise<Response> {
  checkType(request, 'application/json')
  const { url, ...message } = readOutgoing(readJson(await readBody(request, longestRequest)))
  if (url === undefined) {
    const { message: bytes } = await (await Agent.create(options)).write(message)
    if (request.headers.get('accept') !== messageType) return json({ message: base64(bytes) })
    return new Response(Uint8Array.from(bytes), { headers: { 'content-type': messageType, ...noStore } })
  }
  const way = new HttpTransport({ url })
  const transport = {
    deliver: (bytes: Uint8Array, to: string) =>
      way.deliver(bytes, to).catch((error: unknown) => {
        throw error instanceof Refused && error.code !== 'unreachable' ? new ReceiverRefused(error) : error
      }),
  }
  await (await Agent.create({ ...options, transport })).send(message)
  return json({ delivered: true })
}

async function receive(request: Request, options: AgentOptions): Promise<Response> {
  checkType(request, messageType)
  const bytes = await readBody(request, longestMessage)
  return json(receivedJson(await (await Agent.create(options)).receive(bytes)))
}

function receivedJson(received: Received): object {
  const { from, scope, isSealed, issued, acceptedAt, onBehalfOf, contentType, payload, envelope } = received
  return {
    ...{ from, scope, sealed: isSealed, issued, acceptedAt, onBehalfOf, contentType },
    base64: base64(payload),
    payload: readable(received),
    envelope: base64(envelope),
  }
}

/** JSON and text as they are; undefined for what is neither, or only says so. */
function readable(received: Received): Json | undefined {
  try {
    if (/^application\/json *(?:;|$)/i.test(received.contentType)) return received.json()
    if (/^text\//i.test(received.contentType)) return received.text()
  } catch (error) {
    // The sender's word on its own bytes: whoever wants them has them in base64.
    if (!(error instanceof Refused)) throw error
  }
  return undefined
}

/** @throws Refused `bad-request`, `bad-encoding` */
function readOutgoing(value: Json): Outgoing & { readonly url?: string } {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong('the body is one JSON object')
  const fields = value as Readonly<Record<string, Json | undefined>>
  const { to, scope, payload, base64: bytes, contentType, onBehalfOf, seal, url, ...unknown } = fields
  const [stranger] = Object.keys(unknown)
  if (stranger !== undefined) throw wrong(`there is no field ${JSON.stringify(stranger.slice(0, 40))}`)
  if ((payload === undefined) === (bytes === undefined)) throw wrong('say payload or base64, and one of them')
  if (seal !== undefined && typeof seal !== 'boolean') throw wrong('seal is true or false')
  return {
    to: textOf('to', to),
    scope: textOf('scope', scope),
    payload: payload ?? (bytes === undefined ? null : readBase64(textOf('base64', bytes))),
    ...(contentType !== undefined && { contentType: textOf('contentType', contentType) }),
    ...(onBehalfOf !== undefined && { onBehalfOf: textOf('onBehalfOf', onBehalfOf) }),
    ...(seal !== undefined && { seal }),
    ...(url !== undefined && { url: textOf('url', url) }),
  }
}

function textOf(name: string, value: Json | undefined): string {
  if (typeof value !== 'string') throw wrong(`${name} is a text, and has to be there`)
  return value
}

/** Whoever asks wrote the request, and is told what is wrong with it. */
const wrong = (hint: string): Refused => new Refused('bad-request', hint, { hint })

function checkType({ headers }: Request, due: string): void {
  const type = (headers.get('content-type') ?? '').toLowerCase()
  if (type !== due) throw new Refused('unsupported-media', due, { hint: `say content-type: ${due}` })
}

/** What the one who was sent to refused, so that it is not taken for a word of the sidecar. */
class ReceiverRefused extends Refused {
  constructor({ code, detail, hint, retryAfter }: Refused) {
    super(code, detail, { ...(hint !== undefined && { hint }), ...(retryAfter !== undefined && { retryAfter }) })
  }
}

const json = (value: object): Response => Response.json(value, { headers: noStore })
const noStore = { 'cache-control': 'no-store' } as const
const messageType = 'application/mint'
/** A payload of 64 KiB in base64 and what is beside it; JSON may be longer than what it says. */
const longestRequest = 131_072
