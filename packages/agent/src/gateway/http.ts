import { equal, sha256, utf8 } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import { readBody, refusal } from '../transport/http-handler.ts'
import { answerOf } from '../transport/recipient.ts'
import type { GatewayTransport } from './gateway-transport.ts'

/** By what a device shows that it is the one. Neither is a signature: docs/messages.md says what each is worth. */
export type DeviceProof = { readonly secret: string } | { readonly address: string }

export interface ReadingDoor {
  readonly gateway: GatewayTransport
  readonly devices: Readonly<Record<string, DeviceProof>>
  /** Told of each request that was refused. */
  readonly refused: (why: Refused) => void
}

/**
 * Takes readings over HTTP: `POST /readings/sensor-7` with the reading as its body, answered with 202 when the gateway
 * keeps it. With `Authorization: Bearer <secret>` where the device has a secret, and `Mintmark-Measured: <Unix
 * milliseconds>` where it has a clock.
 * @param door with secrets of at least 16 characters
 * @returns the handler; its second argument is the address of the other side
 */
export function readingHandler(door: ReadingDoor): (request: Request, address: string) => Promise<Response> {
  const proofs = new Map(Object.entries(door.devices).map(([name, proof]) => [name, matcher(proof)]))
  return async (request, address) => {
    try {
      const { method, headers, url } = request
      const device = /^\/readings\/([A-Za-z0-9._-]{1,64})$/.exec(new URL(url).pathname)?.[1]
      if (device === undefined) throw new Refused('not-found')
      if (method !== 'POST') throw new Refused('method-not-allowed')
      // A device is no browser; a page that a person on this network opened is.
      if (headers.has('origin') || headers.has('sec-fetch-site')) throw new Refused('origin-refused')
      // One answer, whether there is such a device or not.
      if (!(proofs.get(device) ?? nobody)(headers, address)) throw new Refused('refused')
      const measured = readMeasured(headers.get('mintmark-measured'))
      const contentType = headers.get('content-type') ?? undefined
      const data = await readBody(request, longestReading)
      await door.gateway.take(device, data, { measured, ...(contentType !== undefined && { contentType }) })
      return new Response(null, { status: 202 })
    } catch (error) {
      const why = error instanceof Refused ? error : new Refused('broken', undefined, { cause: error })
      door.refused(why)
      return refusal(answerOf(why))
    }
  }
}

type Matcher = (headers: Headers, address: string) => boolean

function matcher(proof: DeviceProof): Matcher {
  if ('address' in proof) return (_, address) => plain(address) === proof.address
  if (proof.secret.length < 16) throw new Refused('bad-request', 'a secret of a device has 16 characters at least')
  const due = sha256(utf8(`Bearer ${proof.secret}`))
  // Of digests, so that neither length nor beginning shows in the time.
  return headers => equal(sha256(utf8(headers.get('authorization') ?? '')), due)
}

const nobody: Matcher = () => false

/** Of an IPv4 address that an IPv6 socket has. */
const plain = (address: string): string => address.replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/, '')

/** More than a gateway takes by itself, so that it is the one that refuses. */
const longestReading = 65_536

function readMeasured(text: string | null): number | undefined {
  if (text === null) return undefined
  if (!/^\d{1,15}$/.test(text)) throw new Refused('bad-number', 'Mintmark-Measured')
  return Number(text)
}
