import type { IncomingMessage } from 'node:http'
import { Refused } from '@mintmark/core/errors'

/**
 * READ: version and header fields of a request, where two readers on its way could differ in what it says.
 * @throws Refused `bad-request`
 */
export function checkHead({ httpVersion, headersDistinct: fields }: IncomingMessage): void {
  const refuse = (what: string) => new Refused('bad-request', what)
  if (httpVersion !== '1.1') throw refuse('version')
  // RFC 9112 3.2
  if (fields.host?.length !== 1) throw refuse('not one host')
  for (const name of ['authorization', 'content-type', 'content-length'] as const) {
    if ((fields[name]?.length ?? 0) > 1) throw refuse(`${name} twice`)
  }
  // RFC 9112 6.1: what is coded otherwise is another body than was sent.
  const codings = fields['transfer-encoding'] ?? ['chunked']
  if (codings.length !== 1 || codings[0]!.toLowerCase() !== 'chunked') throw refuse('transfer encoding')
  const expects = fields.expect ?? ['100-continue']
  if (expects.length !== 1 || expects[0]!.toLowerCase() !== '100-continue') throw refuse('expectation')
}
