import { base64 } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import { type Applicant, type Enrolled, makeApplicant, tokenId } from './clients.ts'
import {
  type BudgetAnswer,
  type BudgetAsked,
  budget,
  History,
  isLinearizable,
  type StandingAnswer,
  type StandingAsked,
  standing,
} from './history.ts'
import { type Acknowledged, Oracle } from './oracle.ts'
import type { Reach } from './reach.ts'
import type { Seeded } from './seeded.ts'

export interface LoadOptions {
  /** One for each client. */
  reach(): Reach
  /** The file of what is acknowledged. */
  readonly oracle: string
  readonly chance: Seeded
  readonly clients?: number
}

/** Something that was asked for and is asked again until it is answered. */
type Work = () => Promise<void>

interface Contested {
  readonly token: string
  readonly uses: number
  readonly history: History<BudgetAsked, BudgetAnswer>
}

const contestedUses = [1, 1, 1, 1, 3, 10]

/**
 * Clients that enroll keys, contend for tokens, renew, use and revoke what they have, and try again what was not
 * answered. What they are told is in the oracle before they go on; what they saw is held against what could have
 * happened in one order.
 */
export class Load {
  readonly oracle: Oracle
  readonly #chance: Seeded
  readonly #reaches: readonly Reach[]
  /** For everyone. */
  #ample: string | undefined
  #contested: Contested[] = []
  readonly #unanswered: (Work | undefined)[]
  readonly #standings = new Map<string, History<StandingAsked, StandingAnswer>>()
  /** In good standing, as far as anyone here knows. */
  readonly #devices: Enrolled[] = []
  readonly #revoked: Enrolled[] = []
  /** By SPKI, base64. */
  readonly #claimed = new Map<string, { readonly token: string; readonly applicant: Applicant }>()
  /** Questions that nobody answered. */
  lost = 0

  constructor({ reach, oracle, chance, clients = 8 }: LoadOptions) {
    this.oracle = new Oracle(oracle)
    this.#chance = chance
    this.#reaches = Array.from({ length: clients }, reach)
    this.#unanswered = Array(clients).fill(undefined)
  }

  /** Runs all clients until `fault` has happened and each of them has noticed. */
  async run(fault: () => Promise<void>): Promise<void> {
    let over = false
    const clients = this.#reaches.map((reach, i) => this.#client(i, reach, () => over))
    try {
      await fault()
    } finally {
      over = true
      await Promise.all(clients)
    }
  }

  /** Makes the tokens that the next run contends for. Where nobody answers, that run has none. */
  async prepare(): Promise<void> {
    this.#contested = []
    await settle(async () => {
      this.#ample ??= await this.#token(100_000)
      const tokens = await Promise.all(contestedUses.map(uses => this.#token(uses)))
      this.#contested = tokens.map((token, i) => ({ token, uses: contestedUses[i]!, history: new History() }))
    })
  }

  /** What clients saw since the last `prepare` can have happened in one order, up to what is so now. @throws where not */
  async checkOrder(): Promise<void> {
    for (const { token, uses, history } of this.#contested) {
      const read = history.begin('read')
      read(await this.#anyone.usesLeft(token))
      if (isLinearizable(budget(uses), history.operations)) continue
      throw new Error(`no order explains token ${tokenId(token)}: ${JSON.stringify(history.operations)}`)
    }
    for (const [identity, { operations }] of this.#standings) {
      if (isLinearizable(standing, operations)) continue
      throw new Error(`no order explains ${identity}: ${JSON.stringify(operations)}`)
    }
    // Nobody uses the others again.
    for (const { certificate } of [...this.#devices, ...this.#revoked.slice(0, -2)]) {
      this.#standings.delete(certificate.identity)
    }
  }

  /** Asks again what was answered: the same bytes, and no use is spent. @throws where not */
  async checkRetry(told: Acknowledged): Promise<void> {
    const { token, applicant } = this.#claimed.get(told.spki)!
    const left = await this.#anyone.usesLeft(token)
    const again = await this.#anyone.claim(token, applicant)
    const after = await this.#anyone.usesLeft(token)
    if (again.certificate !== told.certificate || after !== left) {
      throw new Error(`a retry got ${again.serial} for ${told.serial}, and left ${after} of ${left} uses`)
    }
  }

  /** A device whose revocation was acknowledged is refused. @throws where not */
  async checkRevoked(): Promise<void> {
    for (const device of this.#revoked.slice(-2)) {
      await this.#anyone.use(device).then(
        () => {
          throw new Error(`${device.certificate.identity} was revoked, and is accepted`)
        },
        (error: unknown) => {
          if (!(error instanceof Refused && error.code === 'revoked')) throw error
        },
      )
    }
  }

  end(): void {
    for (const reach of this.#reaches) reach.close()
    this.oracle.close()
  }

  get #anyone(): Reach {
    return this.#chance.of(this.#reaches)
  }

  async #client(i: number, reach: Reach, over: () => boolean): Promise<void> {
    for (let turn = 0; !over(); turn++) {
      const work = this.#unanswered[i] ?? (await this.#next(reach, turn))
      this.#unanswered[i] = work
      try {
        await work()
        this.#unanswered[i] = undefined
      } catch (error) {
        if (!isUnknown(error)) throw error
        this.lost++
        // It may be a while until someone answers.
        await new Promise(resolve => setTimeout(resolve, 2))
      }
    }
  }

  async #next(reach: Reach, turn: number): Promise<Work> {
    // All clients are at the same contested token at about the same turn.
    const contested = turn % 2 === 0 ? this.#contested[turn / 2] : undefined
    const dice = this.#chance.below(24)
    if (contested || this.#devices.length < 4) return this.#enroll(reach, await makeApplicant(), contested)
    const device = this.#chance.of(this.#devices)
    if (dice === 0) return this.#revoke(reach, device)
    if (dice < 3) return this.#renew(reach, device)
    if (dice < 6) return this.#use(reach, this.#chance.of([device, ...this.#revoked.slice(-2)]))
    if (dice === 6) return this.#revokeToken(reach, await makeApplicant())
    return this.#enroll(reach, await makeApplicant(), undefined)
  }

  #enroll(reach: Reach, applicant: Applicant, contested: Contested | undefined): Work {
    const answered = contested?.history.begin('claim')
    return async () => {
      this.#ample ??= await this.#token(100_000)
      const token = contested?.token ?? this.#ample
      this.#claimed.set(base64(applicant.key.publicKey.spki), { token, applicant })
      try {
        const certificate = await reach.claim(token, applicant)
        this.oracle.acknowledge({ told: 'certificate', ...certificate })
        this.#devices.push({ applicant, certificate })
        answered?.('granted')
      } catch (error) {
        if (!(error instanceof Refused && error.code === 'token-spent')) throw error
        this.oracle.acknowledge({ told: 'token spent', token: tokenId(token) })
        answered?.('spent')
      }
    }
  }

  #revoke(reach: Reach, device: Enrolled): Work {
    this.#devices.splice(this.#devices.indexOf(device), 1)
    const { identity } = device.certificate
    const answered = this.#standingOf(identity).begin('revoke')
    return async () => {
      await reach.revokeDevice(device)
      answered('revoked')
      this.oracle.acknowledge({ told: 'device revoked', identity })
      this.#revoked.push(device)
    }
  }

  /** Not asked again: each answer is another certificate. */
  #renew(reach: Reach, device: Enrolled): Work {
    return () =>
      settle(async () => {
        const certificate = await reach.renew(device).catch(error => {
          // A name has so many certificates in an hour.
          if (!isRevoked(error) && !(error instanceof Refused && error.code === 'slow-down')) throw error
        })
        if (certificate) this.oracle.acknowledge({ told: 'certificate', ...certificate })
      })
  }

  #use(reach: Reach, device: Enrolled): Work {
    const answered = this.#standingOf(device.certificate.identity).begin('use')
    return () =>
      settle(async () => {
        try {
          await reach.use(device)
          answered('good')
        } catch (error) {
          if (!isRevoked(error)) throw error
          answered('revoked')
        }
      })
  }

  /** A token of its own, revoked before it is used. */
  #revokeToken(reach: Reach, applicant: Applicant): Work {
    let token: string | undefined
    return async () => {
      token ??= await this.#token(5, reach)
      await reach.revokeToken(token).catch(error => {
        // The answer to the first time was lost.
        if (!(error instanceof Refused && error.code === 'token-revoked')) throw error
      })
      this.oracle.acknowledge({ told: 'token revoked', token: tokenId(token) })
      const code = await reach.claim(token, applicant).then(
        () => 'granted',
        (error: unknown) => {
          if (error instanceof Refused && !isUnknown(error)) return error.code
          throw error
        },
      )
      if (code !== 'token-revoked') throw new Error(`a revoked token was answered ${code}`)
    }
  }

  async #token(uses: number, reach = this.#anyone): Promise<string> {
    const token = await reach.createToken(uses)
    this.oracle.acknowledge({ told: 'token', token: tokenId(token), uses })
    return token
  }

  #standingOf(identity: string): History<StandingAsked, StandingAnswer> {
    const known = this.#standings.get(identity) ?? new History()
    this.#standings.set(identity, known)
    return known
  }
}

/** The reply was lost, or the platform could not tell: what was asked for has happened, or it has not. */
const isUnknown = (error: unknown): boolean =>
  error instanceof Refused && (error.code === 'unreachable' || error.code === 'unavailable')

const isRevoked = (error: unknown): boolean => error instanceof Refused && error.code === 'revoked'

/** For what nobody minds not to know. */
async function settle(ask: () => Promise<void>): Promise<void> {
  try {
    await ask()
  } catch (error) {
    if (!isUnknown(error)) throw error
  }
}
