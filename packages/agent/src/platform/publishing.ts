import { base64url } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import { readAddress } from '../transport/address.ts'
import { readShort, refusalOf } from '../transport/http.ts'
import { readFields } from '../transport/recipient.ts'
import type { PlatformOptions } from './recording.ts'

/**
 * Publishes the key that messages to a device are sealed to, at its platform: senders find it in the registry.
 * @param statement what `agent.announceEncryption` gave, by the key of the home's certificate
 * @throws Refused what the platform says, `bad-statement` where it has a later one; `unreachable`, `server-not-proven`,
 * `bad-request`
 */
export async function publishEncryptionKey(
  { url, fetch, timeout = 10_000 }: Pick<PlatformOptions, 'url' | 'fetch' | 'timeout'>,
  statement: Uint8Array,
): Promise<void> {
  const signal = AbortSignal.timeout(timeout)
  const headers = { 'content-type': 'application/json' }
  const body = JSON.stringify({ statement: base64url(statement) })
  const { origin } = new URL(readAddress(url, 'http'))
  let response: Response
  let said: Uint8Array
  try {
    const init: RequestInit = { method: 'PUT', headers, body, redirect: 'manual', signal }
    response = await fetch(`${origin}/v1/encryption-key`, init)
    said = await readShort(response)
  } catch (cause) {
    // Somebody in its place is no outage.
    if (cause instanceof Refused) throw cause
    throw new Refused('unreachable', signal.aborted ? 'no answer in time' : 'the platform', { cause })
  }
  // Any site says 200 to what it does not understand.
  if (response.status !== 200 || typeof readFields(said).expires !== 'string') throw refusalOf(response, said)
}
