import type { Code } from '@mintmark/core/errors'
import type { PeerProof, PermitHolder } from '@mintmark/core/proof'
import type { Grants, Permit } from '@mintmark/core/rules'
import type { z } from 'zod'
import type { Session } from '../operations/sessions.ts'
import type { Platform } from '../platform.ts'
import type { Stream } from '../stream.ts'
import type { Admitted } from './streams.ts'

/** Who is calling, as far as it was proven for this request. */
export type Caller =
  | {
      readonly kind: 'identity'
      readonly proof: PeerProof
      readonly session?: Session
      /** Of an operator. */
      readonly grants?: Grants
    }
  | { readonly kind: 'token'; readonly holder: PermitHolder; readonly permit: Permit }
  | { readonly kind: 'anonymous' }

/** One request that passed the gate. */
export interface Call {
  readonly platform: Platform
  readonly caller: Caller
  /** Segments of the path by name; not checked yet. */
  readonly params: Readonly<Record<string, string>>
  readonly query: Readonly<Record<string, string>>
  readonly contentType: string
  readonly accept: string
  readonly body: Uint8Array
  readonly addresses: Addresses
}

/** Where the platform is reached. */
export interface Addresses {
  /** By devices: `https://localhost:8443` */
  readonly machine: string
  /** By people on its own computer: `http://127.0.0.1:8080/` */
  readonly console: string
}

export interface Reply {
  readonly status: number
  readonly type: string
  readonly body: string | Uint8Array
  /** Seconds after which asking again has a chance. */
  readonly retryAfter?: number
  /** The connection is closed after it. */
  readonly last?: boolean
  /** Goes on behind the head, in place of a body. Only where devices call. */
  readonly stream?: Stream
  /** The same, let in and counted. */
  readonly admitted?: Admitted
  /** It is a refusal that says more than its code; recorded like any other. */
  readonly refused?: Code
}

/** One operation behind its row of the access table. */
export interface Operation {
  /** One sentence, for the API description. */
  readonly summary: string
  /** What the body must be, where there is one to read. */
  readonly input?: z.ZodType
  /** Names a query may have. */
  readonly query?: readonly string[]
  /** Content types beside JSON. */
  readonly accepts?: readonly string[]
  /** How large a body may be, where more than usual. */
  readonly mostBytes?: number
  readonly status?: number
  run(call: Call): Promise<Reply>
}

export const json = (value: unknown, status = 200): Reply => ({
  status,
  type: 'application/json',
  body: JSON.stringify(value),
})
