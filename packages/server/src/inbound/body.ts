import type { IncomingMessage } from 'node:http'
import { Refused } from '@mintmark/core/errors'

const none = new Uint8Array()

/**
 * The whole body, at most `most` bytes. The rest of one that is too large is not read, but its connection lives until
 * the sender was told. With events and not with an iterator, which costs as much as reading a signing request.
 */
export function readBody(request: IncomingMessage, most: number): Promise<Uint8Array> | Uint8Array {
  const { 'content-length': declared, 'transfer-encoding': coding } = request.headers
  if (declared === undefined && coding === undefined) return none
  if (Number(declared ?? 0) > most) throw new Refused('too-large')
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let length = 0
    request.on('data', (chunk: Buffer) => {
      length += chunk.length
      if (length > most) {
        request.removeAllListeners('data').pause()
        reject(new Refused('too-large'))
      } else chunks.push(chunk)
    })
    request.once('end', () => resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)))
    // Nothing of ours can fail there: the sender went away, or took too long. A close follows every end too.
    const early = (cause?: unknown): void => {
      if (!request.readableEnded) reject(new Refused('bad-request', 'the body ended early', { cause }))
    }
    request.once('error', early)
    request.once('close', early)
  })
}
