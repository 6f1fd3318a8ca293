import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { hex } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import type { Access } from '@mintmark/core/rules'
import type { Logger } from 'pino'
import { refusedByDisk, unsyncedFile } from '../disk.ts'
import type { Platform } from '../platform.ts'
import { access } from './access.ts'
import { readBody } from './body.ts'
import type { Addresses, Caller, Reply } from './call.ts'
import { type Door, enter, type Shown } from './gate.ts'
import { FailureLimit } from './limits.ts'
import type { Metrics } from './metrics.ts'
import { operations } from './operations.ts'
import { RefusalRecorder, refusalReply } from './refusals.ts'
import { makeRouter, type Route, readTarget } from './router.ts'
import { Sockets } from './sockets.ts'
import { Streams } from './streams.ts'

export interface PipelineOptions {
  readonly platform: Platform
  readonly log: Logger
  readonly metrics: Metrics
  /** Known once both listeners listen. */
  addresses(): Addresses
  /** Told of what the platform cannot go on after. */
  failed(error: Error): void
}

const maxBody = 65_536

/**
 * What every request goes through, whichever listener it came to: READ its target, PROVE its caller, the gate, READ its
 * body, the operation; and where it is refused, the count, the log, the fact and the answer. One for the whole platform.
 */
export class Pipeline {
  readonly platform: Platform
  readonly log: Logger
  readonly metrics: Metrics
  readonly refusals: RefusalRecorder
  /** Of both listeners, by who is behind them. */
  readonly sockets = new Sockets()
  readonly streams = new Streams()
  readonly #limit: FailureLimit
  readonly #routes: Readonly<Record<Door['name'], ReturnType<typeof makeRouter>>>
  readonly #addresses: () => Addresses
  readonly #failed: (error: Error) => void

  constructor({ platform, log, metrics, addresses, failed }: PipelineOptions) {
    this.platform = platform
    this.log = log
    this.metrics = metrics
    this.refusals = new RefusalRecorder(platform)
    this.#limit = new FailureLimit(platform.now, { perAddress: 60, overall: 3_000 })
    this.#routes = { machine: makeRouter(operations, 'machine'), console: makeRouter(operations, 'console') }
    this.#addresses = addresses
    this.#failed = failed
    platform.store.onNews(({ kind, about }) => {
      if (kind === 'identity.revoked' || kind === 'identity.decommissioned') this.#end(about)
      // An enrollment is news where it replaced a key.
      if (kind === 'key.promoted' || kind === 'identity.enrolled') return this.#endUnlessGood(about)
      if (kind === 'scope.set') return this.streams.review(about)
      return kind === 'missed' ? this.#endRefused() : undefined
    })
    metrics.watch(() => this.sockets.size)
  }

  /** Answers one request; never fails. */
  async respond(request: IncomingMessage, door: Door): Promise<Reply> {
    const finished = this.metrics.request()
    const reply = await this.#answer(request, door).catch((error: unknown) => this.broken(error))
    // A body that came with its head has been read to its end then, so that the connection can go on after a refusal.
    if (!request.complete && !reply.last) await new Promise(resolve => setImmediate(resolve))
    finished(reply.status)
    return reply
  }

  /** A fault of ours: its id leads to the log, and nothing else is told. */
  broken(error: unknown): Reply {
    const id = hex(this.platform.random(8))
    this.log.error({ err: error, id }, 'broken')
    const reply = refusalReply(new Refused('broken'), undefined)
    return { ...reply, body: JSON.stringify({ ...JSON.parse(String(reply.body)), id }) }
  }

  async #answer(request: IncomingMessage, door: Door): Promise<Reply> {
    const shown: Shown = { caller: { kind: 'anonymous' } }
    let found: Route | undefined
    try {
      door.checkHead(request)
      const { path, query } = readTarget(request.url ?? '')
      found = this.#routes[door.name](request.method ?? '', path)
      const { name, operation, params } = found
      const row: Access = access[name]
      await enter(this.platform, door, request, row, params, shown)
      for (const key of Object.keys(query)) {
        if (!operation.query?.includes(key)) throw new Refused('bad-request', 'unknown query name')
      }
      const body = await readBody(request, operation.mostBytes ?? maxBody)
      const contentType = (request.headers['content-type'] ?? '').split(';')[0]!.trim().toLowerCase()
      const accept = request.headers.accept ?? '*/*'
      const { platform } = this
      const addresses = this.#addresses()
      const { caller } = shown
      const reply = await operation.run({ platform, caller, params, query, contentType, accept, body, addresses })
      // While this process stood still, another one may have revoked the caller without it.
      if (!platform.store.isLive) await enter(platform, door, request, row, params, shown)
      if (reply.stream && caller.kind === 'identity') {
        const again = () => enter(platform, door, request, row, params, { caller })
        const admitted = this.streams.admit(caller.proof.identity.path, reply.stream, again)
        return { ...reply, admitted }
      }
      if (reply.refused) await this.refuse(new Refused(reply.refused), caller, found, request.socket)
      return reply
    } catch (error) {
      const refused = error instanceof Refused ? error : refusedByDisk(error)
      const unsynced = unsyncedFile(error)
      if (unsynced) this.#failed(unsynced)
      if (refused === undefined) throw error
      // Refused before the gate; it is a fact all the same, of whoever is behind the request.
      if (found === undefined) shown.caller = await this.callerOf(request, door)
      return await this.refuse(refused, shown.caller, found, request.socket)
    }
  }

  #end(identity: string): void {
    this.platform.sessions.endAll(identity)
    this.sockets.cut(identity)
  }

  /** Looks at everyone who is connected or signed in again. */
  async #endRefused(): Promise<void> {
    const { sessions } = this.platform
    for (const identity of new Set([...this.sockets.identities(), ...sessions.identities()])) {
      await this.#endUnlessGood(identity)
    }
  }

  /** Whoever is refused by now, and what a superseded key has open. */
  async #endUnlessGood(identity: string): Promise<void> {
    const record = await this.platform.store.standing(identity)
    if (record?.standing === 'good') this.sockets.cut(identity, record)
    else this.#end(identity)
  }

  /** Who sent a request that is not taken further; nobody where that does not prove. */
  async callerOf(request: Parameters<Door['prove']>[0], door: Door): Promise<Caller> {
    return (await door.prove(request).catch(() => undefined)) ?? { kind: 'anonymous' }
  }

  /** Counts, logs and records a refusal. @returns what the caller is told */
  async refuse(refused: Refused, caller: Caller, found: Route | undefined, socket: Socket): Promise<Reply> {
    const operation = found?.name ?? 'none'
    this.metrics.refused(refused.code)
    const said = { code: refused.code, detail: refused.detail, operation, caller: caller.kind }
    const isOurs = refused.code === 'unavailable'
    if (isOurs) this.log.error({ ...said, err: refused.cause }, 'unavailable')
    else this.log.info(said, 'refused')
    if (!isOurs) await this.refusals.record(refused, caller, operation).catch(() => undefined)
    const failed = caller.kind === 'anonymous' && secretCodes.has(refused.code)
    if (failed && this.#limit.fail(socket.remoteAddress ?? '')) return refusalReply(new Refused('slow-down'), undefined)
    // Where the head of a request has two readings, so has what follows it.
    return { ...refusalReply(refused, caller), last: found === undefined && refused.code === 'bad-request' }
  }
}

/** What whoever guesses at secrets is refused with. */
const secretCodes: ReadonlySet<string> = new Set(['refused', 'link-spent', 'session-ended'])
