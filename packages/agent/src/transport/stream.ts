import { concat } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'

/** All of a stream, and no more than so many bytes. @throws Refused `too-large`, `bad-request` where the signal ends it */
export async function readStream(
  stream: ReadableStream<Uint8Array> | null,
  most: number,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  if (!stream) return new Uint8Array()
  const reader = stream.getReader()
  const chunks: Uint8Array[] = []
  const late = () => void reader.cancel().catch(() => undefined)
  signal?.addEventListener('abort', late, { once: true })
  try {
    for (let length = 0; ; ) {
      const { done, value } = await reader.read()
      if (signal?.aborted) throw new Refused('bad-request', 'the body did not come in time')
      if (done) return concat(...chunks)
      length += value.length
      if (length > most) throw new Refused('too-large', 'body')
      chunks.push(value)
    }
  } finally {
    signal?.removeEventListener('abort', late)
    // Nothing of the rest is wanted; where it has ended already this does nothing.
    reader.cancel().catch(() => undefined)
  }
}
