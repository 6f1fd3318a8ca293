import type { PostgresServer } from '@mintmark/testing'
import pg from 'pg'

// Other sessions on the server of a platform, which take what it needs.

/** Clients that take every connection that the server has for those who are not its superuser. */
export class Crowd {
  readonly #server: PostgresServer
  readonly #clients = new Set<pg.Client>()
  #judge: pg.Client | undefined
  #over = true
  #filling: Promise<unknown> = Promise.resolve()

  constructor(server: PostgresServer) {
    this.#server = server
  }

  /** Resolves when it has them all, and the platform has none. */
  async begin(): Promise<void> {
    // Of those that are kept for a superuser, and not ended meanwhile: the platform would have what becomes free.
    const judge = new pg.Client({ connectionString: this.#server.url('postgres', 'postgres') })
    await judge.connect()
    this.#over = false
    this.#filling = Promise.all(Array.from({ length: 4 }, () => this.#fill()))
    const others = "usename = 'mintmark' and application_name <> 'crowd'"
    for (let [size, quiet] = [0, 0]; quiet < 3; ) {
      await judge.query(`select pg_terminate_backend(pid) from pg_stat_activity where ${others}`)
      await new Promise(resolve => setTimeout(resolve, 50))
      const { rowCount } = await judge.query(`select pid from pg_stat_activity where ${others}`)
      quiet = rowCount === 0 && this.#clients.size === size ? quiet + 1 : 0
      size = this.#clients.size
    }
    this.#judge = judge
  }

  async end(): Promise<void> {
    this.#over = true
    await this.#filling
    await Promise.all([...this.#clients, this.#judge!].map(client => client.end()))
    this.#clients.clear()
  }

  /** One connection after another; where there is none, again. */
  async #fill(): Promise<void> {
    while (!this.#over) {
      const client = new pg.Client({ connectionString: this.#server.url('postgres'), application_name: 'crowd' })
      client.on('error', () => this.#clients.delete(client))
      try {
        await client.connect()
        this.#clients.add(client)
      } catch {
        await new Promise(resolve => setTimeout(resolve, 2))
      }
    }
  }
}

/**
 * Takes a table that a commit writes, waits until one waits for it, and then asks for the lock that this commit has
 * already. The server undoes one of the two.
 */
export async function beginDeadlock(server: PostgresServer): Promise<'the platform' | 'the other session'> {
  const client = new pg.Client({ connectionString: server.url('test_1', 'postgres') })
  await client.connect()
  try {
    await client.query('begin')
    // Whoever has waited for the shorter time looks first, and is undone.
    await client.query("set local deadlock_timeout = '1min'")
    await client.query('lock table ledger_head in exclusive mode')
    const held = `select (l.classid::bigint << 32) | l.objid::bigint as id from pg_locks l
      where l.locktype = 'advisory' and l.granted and l.pid in
        (select pid from pg_locks where relation = 'ledger_head'::regclass and not granted)`
    let rows: { id: string }[] = []
    while (rows.length === 0) ({ rows } = await client.query<{ id: string }>(held))
    await client.query('select pg_advisory_xact_lock($1)', [rows[0]!.id])
    await client.query('commit')
    return 'the platform'
  } catch (error) {
    if (error instanceof pg.DatabaseError && error.code === '40P01') return 'the other session'
    throw error
  } finally {
    await client.end()
  }
}
