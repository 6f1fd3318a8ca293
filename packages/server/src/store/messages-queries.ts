import type { Kysely } from 'kysely'
import { query, row } from './database.ts'
import type { Tables } from './tables.ts'

/** Of messages that were accepted. */
export const messagesQueries = (db: Kysely<Tables>) => ({
  messagesPerMinute: query((v: { fleet: string }) =>
    db.selectFrom('fleet').select('messages_per_minute').where('name', '=', v.fleet),
  ),
  messageFleet: query((v: { fleet: string }) =>
    db.selectFrom('message_fleet').selectAll().where('fleet', '=', v.fleet),
  ),
  setMessageFleet: query((v: Tables['message_fleet']) =>
    db
      .insertInto('message_fleet')
      .values(row(v, ['fleet', 'time', 'minute', 'count']))
      .onConflict(conflict =>
        conflict.column('fleet').doUpdateSet(set => ({
          time: set.ref('excluded.time'),
          minute: set.ref('excluded.minute'),
          count: set.ref('excluded.count'),
        })),
      ),
  ),
  messageSender: query((v: { key: string }) => db.selectFrom('message_sender').selectAll().where('key', '=', v.key)),
  setMessageSender: query((v: Tables['message_sender']) =>
    db
      .insertInto('message_sender')
      .values(row(v, ['key', 'minute', 'count', 'highest', 'seen']))
      .onConflict(conflict =>
        conflict.column('key').doUpdateSet(set => ({
          minute: set.ref('excluded.minute'),
          count: set.ref('excluded.count'),
          highest: set.ref('excluded.highest'),
          seen: set.ref('excluded.seen'),
        })),
      ),
  ),
  messageNonce: query((v: { key: string; nonce: string }) =>
    db.selectFrom('message_nonce').selectAll().where('key', '=', v.key).where('nonce', '=', v.nonce),
  ),
  addMessageNonce: query((v: Tables['message_nonce']) =>
    db.insertInto('message_nonce').values(row(v, ['key', 'nonce', 'fleet', 'expires'])),
  ),
  forgetMessageNonces: query((v: { fleet: string; time: number }) =>
    db.deleteFrom('message_nonce').where('fleet', '=', v.fleet).where('expires', '<=', v.time),
  ),
})
