import { checkSender, checkTime, keptUntil, Sequences } from '@mintmark/agent/receiver'
import { hex } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import { type Change, checkStanding, messagePace } from '@mintmark/core/rules'
import { type Claims, readEnvelope } from '@mintmark/core/signed'
import { admitted, isMeant, isReachable, senderOf } from './correspondents.ts'
import type { Transaction } from './database.ts'
import type { Queries } from './queries.ts'
import { recordOf, rightsOf } from './rows.ts'
import type { RecordWithKeys } from './store.ts'
import type { Tables } from './tables.ts'

/**
 * What a message that is accepted does to the tables: it spends its nonce, or its number, in the transaction that
 * records it. First its preconditions, by the checks that it was received with, on the registry as it is at this entry.
 *
 * The nonces are a projection too. Time in a fleet is that of its newest message and never goes back; what had ended by
 * then is forgotten with the next message, and was it to come again, it would be refused for its time. So the ledger
 * alone says which nonces there are: a restart, another process or a backup has the same, and an audit finds a row that
 * somebody took away.
 */
export class Messages {
  readonly #queries: Queries
  readonly #connection: Transaction

  constructor(queries: Queries, connection: Transaction) {
    this.#queries = queries
    this.#connection = connection
  }

  /** The envelope's signature is not looked at here: it was before, and a replay does. */
  async accept({ at, by, ledger, body }: Change<'message.accepted'>): Promise<void> {
    const { identity, to, spki, envelope } = body
    const read = readEnvelope(envelope)
    const { claims } = read
    const { id: key } = admitted(spki)
    const nonce = 'nonce' in claims.once ? hex(claims.once.nonce) : undefined
    const [connection, queries] = [this.#connection, this.#queries]
    // Asked together, as each question is a way to PostgreSQL and back.
    const [from, receiver, bringer, rightsRow, policy, ofFleet, ofSender, spent] = await Promise.all([
      connection.first(queries.recordWithKeys, { identity }) as RecordWithKeys | undefined,
      connection.first(queries.recordWithKeys, { identity: to }) as RecordWithKeys | undefined,
      connection.first(queries.record, { identity: by }),
      connection.first(queries.rights, { identity }),
      connection.first(queries.messagesPerMinute, { fleet: ledger }),
      connection.first(queries.messageFleet, { fleet: ledger }),
      connection.first(queries.messageSender, { key }),
      nonce === undefined ? undefined : connection.first(queries.messageNonce, { key, nonce }),
    ])
    const rights = rightsOf(rightsRow)
    const said = [claims.audience, claims.issuer ?? '', ...(rights?.recipients ?? [])]
    const domain = said.some(isWeb) ? ((await connection.first(queries.platform, {}))?.domain ?? '') : ''
    // Whoever brings it was let in before; by now it may be revoked.
    checkStanding(recordOf(bringer))
    if (bringer!.fleet !== ledger) throw new Refused('forbidden')
    if (from?.fleet !== ledger) throw new Refused('sender-unknown')
    if (receiver?.fleet !== ledger || !isMeant(receiver, claims.audience, domain)) throw new Refused('other-audience')
    const mayReach = isReachable(rights, { row: receiver, audience: claims.audience }, domain)
    checkSender(read, senderOf(from, spki, rights, mayReach))
    if (from.key !== key) throw new Refused('key-superseded')
    if (claims.issuer !== undefined && !isMeant(from, claims.issuer, domain)) throw new Refused('sender-unknown')
    checkTime(claims, at)

    const time = Math.max(at, ofFleet?.time ?? 0)
    const fleet = stepped(ofFleet, time)
    const sender = { ...stepped(ofSender, time), highest: ofSender?.highest ?? -1, seen: ofSender?.seen ?? '0' }
    const next = this.#spend(claims, { key, ledger, time, wasSpent: spent !== undefined }, sender)
    checkPace(sender.count, policy?.messages_per_minute ?? messagePace.ofOne, fleet.count, time)
    connection.post(queries.setMessageSender, { key, ...next, count: sender.count + 1 })
    connection.post(queries.setMessageFleet, { fleet: ledger, time, minute: fleet.minute, count: fleet.count + 1 })
    const second = (at: number): number => Math.floor(at / 1_000)
    const isNewSecond = second(time) > second(ofFleet?.time ?? 0)
    if (isNewSecond) connection.post(queries.forgetMessageNonces, { fleet: ledger, time })
    if (nonce !== undefined && 'issued' in claims.once) {
      connection.post(queries.addMessageNonce, { key, nonce, fleet: ledger, expires: keptUntil(claims.once.issued) })
    }
  }

  /** @returns the sender's row as it is then */
  #spend(
    { once }: Claims,
    { time, wasSpent }: { key: string; ledger: string; time: number; wasSpent: boolean },
    sender: Omit<Tables['message_sender'], 'key'>,
  ): Omit<Tables['message_sender'], 'key'> {
    if ('sequence' in once) {
      const numbers = new Sequences({ highest: sender.highest, seen: BigInt(`0x${sender.seen}`) })
      if (!numbers.advance(once.sequence)) throw new Refused('message-replayed')
      const { highest, seen } = numbers.state
      return { ...sender, highest, seen: seen.toString(16) }
    }
    if (!(keptUntil(once.issued) > time)) throw new Refused('message-expired', 'the nonce may be forgotten already')
    if (wasSpent) throw new Refused('message-replayed')
    return sender
  }
}

/** The count of the minute that `time` is in: that of the row, or none yet. */
function stepped(row: { readonly minute: number; readonly count: number } | undefined, time: number) {
  const minute = Math.floor(time / messagePace.within)
  return { minute, count: row?.minute === minute ? row.count : 0 }
}

function checkPace(ofSender: number, mostOfSender: number, ofFleet: number, time: number): void {
  const retryAfter = messagePace.within - (time % messagePace.within)
  if (!(ofSender < mostOfSender)) throw new Refused('slow-down', 'messages of one sender', { retryAfter })
  if (!(ofFleet < messagePace.ofFleet)) throw new Refused('nonces-full', 'messages of one fleet', { retryAfter })
}

/** Who is meant by a name of this method depends on the domain of the platform. */
const isWeb = (text: string): boolean => text.startsWith('did:web:')
