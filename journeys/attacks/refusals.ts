import { type Code, codes } from '@mintmark/core/errors'
import type { Fact, Reply } from '@mintmark/testing'

/** What is compared of a reply that refuses. */
export interface Refusal {
  readonly status: number
  readonly code: unknown
  /** Only ever `code`, `message` and `hint`: above all no `identity`. */
  readonly more: readonly string[]
}

/** A refusal with this code, as the table of codes has it. */
export const refused = (code: Code): Refusal => ({ status: codes[code].status, code, more: [] })

export const refusal = ({ status, body }: Pick<Reply, 'status' | 'body'>): Refusal => ({
  status,
  code: body.code,
  more: Object.keys(body).filter(name => !['code', 'message', 'hint'].includes(name)),
})

/** The fact that a proven caller was refused: in the ledger of its fleet. */
export const refusedBy = (by: string, code: Code, operation: string, count = 1): Fact => ({
  ledger: by.split('/')[0]!,
  kind: 'refused',
  by,
  body: { code, operation, count },
})

/** The fact that the holder of a token was refused. */
export const refusedToken = (ledger: string, id: string, code: Code, count = 1): Fact => ({
  ledger,
  kind: 'refused',
  by: `token:${id}`,
  body: { code, operation: 'POST /v1/enroll', count },
})

/** The one fact of a minute about callers that proved nothing. */
export const anonymously = (code: Code, operation: string, count = 1): Fact => ({
  ledger: 'platform',
  kind: 'refused',
  by: 'anonymous',
  body: { code, operation, count },
})
