import { hex } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import { inTime } from './in-time.ts'
import { type NonceStore, type Spent, window } from './nonce-store.ts'
import { sequenceWindow } from './sequences.ts'

/** What is asked of a client: a pool of `pg` has it, and so has one connection. */
export interface SqlClient {
  query(text: string, values?: unknown[]): Promise<{ readonly rows: readonly unknown[] }>
}

/**
 * Nonces in one PostgreSQL that several receivers share, one statement a message, in a transaction of its own.
 *
 * What is committed is on the disk. A server that took over from another one may lack the end, and shows it by its
 * timeline: then each answer says since when it knows.
 */
export class PostgresNonceStore implements NonceStore {
  readonly #client: SqlClient

  private constructor(client: SqlClient) {
    this.#client = client
  }

  /** Makes the tables and functions where they are missing. Their names begin with `mintmark_nonce`. */
  static async open(client: SqlClient): Promise<PostgresNonceStore> {
    await inTime(client.query(schema))
    return new PostgresNonceStore(client)
  }

  spend(key: string, nonce: Uint8Array, expires: number, now: number): Promise<Spent> {
    const values = [key + hex(nonce), expires, now, window.skew]
    return this.#ask('select said, since from mintmark_nonce_spend($1, $2, $3, $4)', values)
  }

  async advance(key: string, sequence: number, now: number): Promise<Spent> {
    const isNumber = Number.isSafeInteger(sequence) && sequence >= 0
    if (!isNumber) return { isFirst: false, knowsSince: Number.NEGATIVE_INFINITY }
    const values = [key, sequence, sequenceWindow, now, window.skew]
    return this.#ask('select said, since from mintmark_nonce_advance($1, $2, $3, $4, $5)', values)
  }

  async #ask(text: string, values: unknown[]): Promise<Spent> {
    const { rows } = await inTime(this.#client.query(text, values))
    const { said, since } = (rows[0] ?? {}) as { said?: unknown; since?: unknown }
    if (said === 'expired') throw new Refused('message-expired', 'the nonce may be forgotten already')
    const knowsSince = since === null ? Number.NEGATIVE_INFINITY : Number(since)
    if ((said !== 'first' && said !== 'spent') || Number.isNaN(knowsSince)) {
      throw new Refused('unavailable', 'PostgreSQL answered nonsense')
    }
    return { isFirst: said === 'first', knowsSince }
  }
}

// Each statement of a function sees what was committed before it, so what is read after a lock is the newest. Time moves
// and nonces are forgotten under the lock that excludes, once a second; nonces are spent under the one that is shared.
// The lock queues in order, so neither side starves. `since` is null for sequences as long as nothing can be lost.
const schema = `
select pg_advisory_xact_lock(1296649812, 0);
create table if not exists mintmark_nonce (id bytea primary key, expires bigint not null);
create index if not exists mintmark_nonce_expires on mintmark_nonce (expires);
create table if not exists mintmark_nonce_sequence (key bytea primary key, highest bigint not null, seen bit(64) not null);
create table if not exists mintmark_nonce_mark (
  one boolean primary key default true check (one),
  time bigint not null,
  line text not null,
  since bigint not null,
  loses boolean not null
);

create or replace function mintmark_nonce_lock(at bigint, skew bigint) returns mintmark_nonce_mark
language plpgsql volatile as $$
declare
  mark mintmark_nonce_mark;
  here text := substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8);
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'nonces are spent in read committed transactions';
  end if;
  if current_setting('synchronous_commit') = 'off' then
    perform set_config('synchronous_commit', 'on', true);
  end if;
  select * into mark from mintmark_nonce_mark;
  if found and mark.line = here and at < mark.time + 1000 then
    perform pg_advisory_xact_lock_shared(1296649812, 'mintmark_nonce'::regclass::oid::int);
  else
    perform pg_advisory_xact_lock(1296649812, 'mintmark_nonce'::regclass::oid::int);
    insert into mintmark_nonce_mark (time, line, since, loses) values (at, here, at + skew, false)
      on conflict do nothing;
    update mintmark_nonce_mark set time = greatest(time, at) where time < at;
    update mintmark_nonce_mark set line = here, since = time + skew, loses = true where line <> here;
    delete from mintmark_nonce where expires <= (select time from mintmark_nonce_mark);
  end if;
  select * into strict mark from mintmark_nonce_mark;
  return mark;
end $$;

create or replace function mintmark_nonce_spend(
  id text, ends bigint, at bigint, skew bigint, out said text, out since bigint
) language plpgsql volatile as $$
declare
  mark mintmark_nonce_mark := mintmark_nonce_lock(at, skew);
begin
  since := mark.since;
  if not (ends > greatest(mark.time, at)) then
    said := 'expired';
    return;
  end if;
  insert into mintmark_nonce values (decode(id, 'hex'), ends) on conflict do nothing;
  said := case when found then 'first' else 'spent' end;
end $$;

create or replace function mintmark_nonce_advance(
  id text, number bigint, width int, at bigint, skew bigint, out said text, out since bigint
) language plpgsql volatile as $$
declare
  mark mintmark_nonce_mark := mintmark_nonce_lock(at, skew);
  kept mintmark_nonce_sequence;
  ahead bigint;
begin
  since := case when mark.loses then mark.since end;
  said := 'first';
  insert into mintmark_nonce_sequence values (decode(id, 'hex'), number, 1::bit(64)) on conflict do nothing;
  if found then
    return;
  end if;
  select * into strict kept from mintmark_nonce_sequence where key = decode(id, 'hex') for update;
  ahead := number - kept.highest;
  if ahead > 0 then
    kept.highest := number;
    kept.seen := case when ahead < width then kept.seen << ahead::int else 0::bit(64) end | 1::bit(64);
  elsif -ahead < width and get_bit(kept.seen, 63 + ahead::int) = 0 then
    kept.seen := set_bit(kept.seen, 63 + ahead::int, 1);
  else
    said := 'spent';
    return;
  end if;
  update mintmark_nonce_sequence set highest = kept.highest, seen = kept.seen where key = kept.key;
end $$;
`
