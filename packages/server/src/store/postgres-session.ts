import { Socket } from 'node:net'
import { Refused } from '@mintmark/core/errors'
import pg, { type ClientConfig, type QueryResult } from 'pg'

/** Milliseconds after which what hangs is given up. */
export interface Limits {
  readonly connect: number
  /** One statement, from when it is sent to its answer. */
  readonly statement: number
  /** How long it waits for what another transaction has. */
  readonly lock: number
  /** How long a transaction may stand open without a statement, so that one whose process hangs lets its locks go. */
  readonly idle: number
}

export interface Manner {
  readonly limits: Limits
  /** It cannot write. */
  readonly readOnly?: boolean
  /** Told of every wake on the channel, and when the session has begun, as one may have been missed before. */
  readonly woken?: () => void
}

/** The channel that processes of one platform wake each other on; it belongs to the database. */
export const channel = 'mintmark'

/** A live connection. */
export interface Wire {
  /** Sends a statement behind those that were sent before; their answers come in that order. */
  send(sql: string, values?: readonly unknown[], name?: string): Promise<QueryResult>
  /** Ends it at once, with whatever is under way on it. */
  cut(why: string): void
  end(): Promise<void>
}

/**
 * One session on a PostgreSQL server. It connects when it is first used, and again when its connection was lost;
 * statements are pipelined. It keeps what it acknowledges: `synchronous_commit` is never off here.
 */
export class Session {
  readonly #config: ClientConfig
  readonly #manner: Manner
  #wire: Promise<Wire> | undefined
  #closed = false
  /** Statements sent and not answered. */
  pending = 0

  constructor(config: ClientConfig, manner: Manner) {
    this.#config = config
    this.#manner = manner
  }

  /** The connection that there is, or a new one. */
  wire(): Promise<Wire> {
    if (this.#closed) return Promise.reject(new Error('the database is closed'))
    if (this.#wire === undefined) {
      const forget = () => {
        if (this.#wire === connecting) this.#wire = undefined
      }
      const connecting = this.#connect(forget)
      this.#wire = connecting
      connecting.catch(forget)
    }
    return this.#wire
  }

  /** What is under way is answered first, where that does not take long. */
  async close(): Promise<void> {
    this.#closed = true
    const wire = await this.#wire?.catch(() => undefined)
    await wire?.end()
  }

  async #connect(forget: () => void): Promise<Wire> {
    const socket = new Socket()
    const client = new pg.Client({
      ...this.#config,
      stream: () => socket,
      pipeline: true,
      keepAlive: true,
      types: { getTypeParser: (oid: number) => parsers[oid] ?? asText },
    } as ClientConfig)
    const cut = (why: string): void => {
      // At once: whoever comes next must not get what is about to end.
      forget()
      socket.destroy(new Error(why))
    }
    // A server that stops says so on connections that ask for nothing; unheard, that would end the process.
    client.on('error', forget)
    client.on('end', forget)
    const { woken } = this.#manner
    if (woken) client.on('notification', woken)
    const late = setTimeout(cut, this.#manner.limits.connect, 'the server does not answer')
    try {
      await client.connect()
      const wire: Wire = {
        cut,
        send: (sql, values, name) => this.#send(client, cut, sql, values, name),
        async end() {
          const slow = setTimeout(cut, 1_000, 'it does not end')
          await client.end()
          clearTimeout(slow)
        },
      }
      checkServer(await this.#prepare(wire))
      if (woken) {
        await wire.send(`listen ${channel}`)
        woken()
      }
      return wire
    } catch (error) {
      cut('not used')
      throw error
    } finally {
      clearTimeout(late)
    }
  }

  async #send(
    client: pg.Client,
    cut: (why: string) => void,
    text: string,
    values: readonly unknown[] = [],
    name?: string,
  ): Promise<QueryResult> {
    const late = setTimeout(cut, this.#manner.limits.statement, 'no answer in time')
    this.pending++
    try {
      return await client.query({ text, values: [...values], ...(name === undefined ? {} : { name }) })
    } catch (error) {
      // In a transaction that has failed already everything fails, whatever the session.
      const failed = client.getTransactionStatus() === 'E'
      if (!failed && error instanceof pg.DatabaseError && stale.test(error.code ?? '')) cut('another session may do')
      throw error
    } finally {
      this.pending--
      clearTimeout(late)
    }
  }

  /** Whatever the server, its database and its role have as defaults. */
  async #prepare(wire: Wire): Promise<Server> {
    const { limits, readOnly } = this.#manner
    const answers = (await wire.send(`
      set statement_timeout = ${limits.statement};
      set lock_timeout = ${limits.lock};
      set idle_in_transaction_session_timeout = ${limits.idle};
      set client_min_messages = warning;
      ${readOnly ? 'set default_transaction_read_only = on;' : ''}
      select set_config('synchronous_commit', 'on', false) where current_setting('synchronous_commit') = 'off';
      select set_config('search_path', quote_ident(current_schema()), false);
      select current_setting('fsync') as fsync, current_setting('server_encoding') as encoding,
        current_setting('server_version_num')::int as version, pg_is_in_recovery() as standby
    `)) as unknown as QueryResult[]
    return answers.at(-1)!.rows[0] as Server
  }
}

/** Prepared for another schema, or begun while the database was read-only: that lasts as long as the session. */
const stale = /^(0A000|25006|26000)$/

/** What a server says of itself. */
interface Server {
  readonly fsync: string
  readonly encoding: string
  /** 150018 is 15.18. */
  readonly version: number
  readonly standby: boolean
}

/** Every way in which a commit that was acknowledged could be lost, or text could be other text. */
function checkServer({ fsync, encoding, version, standby }: Server): void {
  if (fsync !== 'on') throw unfit('fsync is off there: what it acknowledges can be lost')
  if (encoding !== 'UTF8') throw unfit(`its encoding is ${encoding}, not UTF8`)
  if (!(version >= 130_000)) throw unfit(`it is of version ${Math.floor(version / 10_000)}, 13 is the oldest`)
  if (standby) throw unfit('it only follows another server')
}

const unfit = (why: string): Refused => new Refused('database-unfit', why)

const int8 = 20
const int4 = 23
const bytea = 17
const bool = 16
const asText = (text: string): string => text

/** By object id of the type. What JavaScript cannot count is a bigint, which never passes for a number. */
const parsers: Readonly<Record<number, (text: string) => unknown>> = {
  [bool]: text => text === 't',
  [int4]: Number,
  [int8]: text => (Number.isSafeInteger(Number(text)) ? Number(text) : BigInt(text)),
  // Of its own memory, not a view into a larger one.
  [bytea]: text => new Uint8Array(Buffer.from(text.slice(2), 'hex')),
}
