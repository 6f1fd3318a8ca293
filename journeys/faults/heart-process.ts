import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { renameSync } from 'node:fs'
import { join } from 'node:path'
import { type Code, Refused } from '@mintmark/core/errors'
import {
  type Acknowledged,
  type Applicant,
  certified,
  compiled,
  type Enrolled,
  nameOf,
  type Reach,
  tokenId,
} from '@mintmark/testing/faults'
import { rolldown } from 'rolldown'
import type { Answer, Question } from './heart.ts'

const bundled = join(compiled.NODE_COMPILE_CACHE, 'heart.mjs')

/** Makes one file of it, which starts in half the time. To be done before the first one is started. */
export async function bundleHeart(): Promise<void> {
  const input = join(import.meta.dirname, 'heart.ts')
  const bundle = await rolldown({ input, platform: 'node', external: ['sodium-native', 'pg'], logLevel: 'warn' })
  const own = `${bundled}.${process.pid}`
  await bundle.write({ file: own, format: 'esm' })
  await bundle.close()
  // Another test may be running the one that is there.
  renameSync(own, bundled)
}

export interface HeartPlace {
  readonly data: string
  readonly domain: string
  readonly fleet: string
}

/** The heart of a platform as a real process, which can be killed at any moment and started again at the same place. */
export class HeartProcess {
  readonly #child: ChildProcess
  readonly #ended: Promise<number | null>
  readonly #ready: Promise<void>
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>()
  #next = 1
  #isOver = false

  /** Spawns it and does not wait: it may be killed before it is ready. */
  constructor({ data, domain, fleet }: HeartPlace, env: NodeJS.ProcessEnv = {}) {
    this.#child = fork(bundled, [data, domain, fleet], {
      execArgv: ['--disable-warning=ExperimentalWarning'],
      env: { ...process.env, ...compiled, ...env },
    })
    const ready = Promise.withResolvers<unknown>()
    this.#waiting.set(0, ready)
    this.#ready = ready.promise.then(() => undefined)
    this.#ready.catch(() => undefined)
    this.#child.on('message', message => this.#take(message as Answer))
    this.#ended = once(this.#child, 'exit').then(([code]) => {
      this.#isOver = true
      for (const { reject } of this.#waiting.values()) reject(new Refused('unreachable', 'it ended'))
      this.#waiting.clear()
      return code as number | null
    })
  }

  /** @throws where it ends before it is ready */
  ready(): Promise<void> {
    return this.#ready
  }

  /** The exit code, or null where a signal ended it. */
  ended(): Promise<number | null> {
    return this.#ended
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#ended
  }

  /** Lets what is open end by itself. */
  async stop(): Promise<void> {
    this.#child.disconnect()
    await this.#ended
  }

  ask(question: Question): Promise<unknown> {
    // It may have ended while its channel still seems to be there.
    if (this.#isOver || !this.#child.connected) return Promise.reject(new Refused('unreachable', 'it does not run'))
    const id = this.#next++
    const waiting = Promise.withResolvers<unknown>()
    this.#waiting.set(id, waiting)
    // A question that it does not live to read is one without an answer.
    this.#child.send({ id, question }, () => undefined)
    return waiting.promise
  }

  #take(answer: Answer): void {
    const waiting = this.#waiting.get(answer.id)
    this.#waiting.delete(answer.id)
    if ('code' in answer) waiting?.reject(new Refused(answer.code as Code))
    else if ('broken' in answer) waiting?.reject(new Error(answer.broken))
    else waiting?.resolve(answer.value)
  }
}

/** Asks whichever heart runs now. */
export class OverHeart implements Reach {
  readonly #heart: () => HeartProcess

  constructor(heart: () => HeartProcess) {
    this.#heart = heart
  }

  async claim(token: string, { csr }: Applicant): Promise<Acknowledged> {
    return { kind: 'enrolled', token: tokenId(token), ...certified(await this.#ask({ ask: 'claim', token, csr })) }
  }

  async renew({ applicant, certificate }: Enrolled): Promise<Acknowledged> {
    const question = { ask: 'renew', certificate: certificate.certificate, csr: applicant.csr } as const
    return { kind: 'renewed', token: '', ...certified(await this.#ask(question)) }
  }

  async use({ certificate: { certificate } }: Enrolled): Promise<void> {
    await this.#ask({ ask: 'use', certificate })
  }

  async createToken(uses: number): Promise<string> {
    return (await this.#ask({ ask: 'create token', uses })) as string
  }

  async revokeToken(token: string): Promise<void> {
    await this.#ask({ ask: 'revoke token', token })
  }

  async usesLeft(token: string): Promise<number> {
    return (await this.#ask({ ask: 'uses left', token })) as number
  }

  async revokeDevice({ certificate }: Enrolled): Promise<void> {
    await this.#ask({ ask: 'revoke device', name: nameOf(certificate) })
  }

  close(): void {
    // It is not ours.
  }

  #ask(question: Question): Promise<unknown> {
    return this.#heart().ask(question)
  }
}
