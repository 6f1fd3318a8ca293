import { base64url } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import { readShort, refusalOf } from '../transport/http.ts'
import type { PlatformOptions } from './recording.ts'

/**
 * Publishes the key that messages to a device are sealed to, at its platform: senders find it in the registry.
 * @param statement what `agent.announceEncryption` gave, by the key of the home's certificate
 * @throws Refused what the platform says, `bad-statement` where it has a later one; `unreachable`
 */
export async function publishEncryptionKey(
  { url, fetch, timeout = 10_000 }: Pick<PlatformOptions, 'url' | 'fetch' | 'timeout'>,
  statement: Uint8Array,
): Promise<void> {
  const signal = AbortSignal.timeout(timeout)
  const headers = { 'content-type': 'application/json' }
  const body = JSON.stringify({ statement: base64url(statement) })
  let response: Response
  let said: Uint8Array
  try {
    const init: RequestInit = { method: 'PUT', headers, body, redirect: 'manual', signal }
    response = await fetch(`${new URL(url).origin}/v1/encryption-key`, init)
    said = await readShort(response)
  } catch (cause) {
    throw new Refused('unreachable', signal.aborted ? 'no answer in time' : 'the platform', { cause })
  }
  if (response.status !== 200) throw refusalOf(response, said)
}
