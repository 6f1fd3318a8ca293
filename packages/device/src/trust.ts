import type { IncomingMessage } from 'node:http'
import { request } from 'node:https'
import { readPem } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import { isAnchor } from '@mintmark/core/proof'
import { isConnectionError } from './proven-agent.ts'
import { readText } from './reply.ts'

/**
 * The root certificate (DER) that a token names by its digest, fetched from where the token says.
 * @throws Refused `anchor-mismatch` where the server has another one
 */
export async function fetchAnchor(url: string, digest: Uint8Array): Promise<Uint8Array> {
  let anchor: Uint8Array
  try {
    anchor = readPem('CERTIFICATE', await readText(await getRoot(url), 16_384))
  } catch (cause) {
    // Whoever answers is nobody yet, so none of its words are handed on.
    const away = cause instanceof Error && isConnectionError(cause)
    throw new Refused(away ? 'unreachable' : 'server-not-proven', `${url}${path}`, { cause })
  }
  if (!isAnchor(anchor, digest)) throw new Refused('anchor-mismatch', url)
  return anchor
}

const path = '/trust/root.pem'
const limit = 20_000

function getRoot(url: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const outgoing = request(`${url}${path}`, {
      agent: false,
      minVersion: 'TLSv1.3',
      // The only connection to nobody in particular, and sound: it carries no secret, neither token nor certificate, and
      // of its reply nothing is believed but the one document whose SHA-256 the token has. Everything that follows is
      // sent on a new connection, proven against that root.
      rejectUnauthorized: false,
      signal: AbortSignal.timeout(limit),
    })
    outgoing.on('response', resolve)
    outgoing.on('error', reject)
    outgoing.end()
  })
}
