import { Refused } from '@mintmark/core/errors'

/** All of standard input, up to so many bytes. */
export async function readInput(most: number): Promise<Uint8Array> {
  return Buffer.concat(await chunksOf(most, () => false))
}

/** The first line of standard input, or all of it where there is none, without white space around it. */
export async function readLine(most: number): Promise<string> {
  const chunks = await chunksOf(most, chunk => chunk.includes(0x0a))
  return Buffer.concat(chunks).toString().split('\n')[0]!.trim()
}

async function chunksOf(most: number, isLast: (chunk: Buffer) => boolean): Promise<Buffer[]> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    chunks.push(chunk)
    length += chunk.length
    if (length > most) throw new Refused('too-large', 'standard input')
    if (isLast(chunk)) break
  }
  return chunks
}
