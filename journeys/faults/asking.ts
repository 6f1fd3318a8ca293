import type { Refused } from '@mintmark/core/errors'
import type { Connection } from '@mintmark/device'
import {
  claim,
  connectAnonymously,
  connectAs,
  type Enrolled,
  makeApplicant,
  nameOf,
  Operator,
  type PlatformProcess,
} from '@mintmark/testing/faults'
import { expect, onTestFinished } from 'vitest'

/** What everybody is told while nothing can be written. */
export interface Answers {
  readonly reading: 'done' | 'unavailable'
  /** The status of /readyz, where it is asked for. */
  readonly ready?: number
}

/** Nobody waits for longer than five seconds; the rest is for a machine that is busy with other things. */
const longest = 7_000

/** One of everybody who asks a platform: for the Trust Center, a device, an applicant, an operator. */
export class Asking {
  readonly #console: string
  readonly #door: Connection
  readonly #operator: Operator
  readonly #device: Connection
  readonly #enrolled: Enrolled
  readonly #token: string

  private constructor(data: string, console: string, operator: Operator, token: string, enrolled: Enrolled) {
    this.#console = console
    this.#door = connectAnonymously(data)
    this.#operator = operator
    this.#device = connectAs(data, enrolled)
    this.#enrolled = enrolled
    this.#token = token
  }

  static async start(platform: PlatformProcess, data: string): Promise<Asking> {
    const operator = new Operator(data)
    const token = await operator.createToken('acme', 100_000)
    const applicant = await makeApplicant()
    const door = connectAnonymously(data)
    const certificate = await claim(door, token, applicant)
    door.close()
    const { console } = await platform.ready()
    const asking = new Asking(data, console, operator, token, { applicant, certificate })
    onTestFinished(() => asking.#close())
    return asking
  }

  /** Everybody asks at once, and is told in time. */
  async expect({ reading, ready }: Answers): Promise<void> {
    const applicant = await makeApplicant()
    const asked: Record<string, Promise<string>> = {
      me: reading === 'done' ? this.#me() : this.#forgotten(),
      fleets: outcome(this.#operator.fleets()),
      trust: this.#trust(),
      enroll: outcome(claim(this.#door, this.#token, applicant)),
      revoke: outcome(this.#operator.revokeDevice('acme', nameOf(this.#enrolled.certificate))),
      configuration: outcome(this.#operator.setConfiguration('acme', { in: 'trouble' })),
      token: outcome(this.#operator.createToken('acme', 1)),
      healthz: this.#status('healthz'),
    }
    if (ready !== undefined) asked.readyz = this.#status('readyz')
    const told = await Promise.all(Object.entries(asked).map(async ([what, answer]) => [what, await answer]))
    const written = 'unavailable, later'
    const read = reading === 'done' ? reading : written
    expect(Object.fromEntries(told)).toEqual({
      ...{ me: read, fleets: read, trust: read },
      ...{ enroll: written, revoke: written, configuration: written, token: written },
      healthz: '200',
      ...(ready === undefined ? {} : { readyz: String(ready) }),
    })
  }

  /**
   * @param meanwhile done again and again until then
   * @returns milliseconds until it says that it is ready
   */
  async untilReady(meanwhile = async (): Promise<void> => undefined): Promise<number> {
    const begun = performance.now()
    for (;;) {
      await meanwhile()
      if ((await this.#status('readyz')) === '200') return performance.now() - begun
      await new Promise(resolve => setTimeout(resolve, 10))
    }
  }

  #me(): Promise<string> {
    return outcome(this.#device.get('/v1/me'))
  }

  /** The platform remembers for two seconds that the device is in good standing: for so long nobody can revoke it. */
  async #forgotten(): Promise<string> {
    for (const begun = performance.now(); performance.now() - begun < longest; ) {
      const told = await this.#me()
      if (told !== 'done') return told
      await new Promise(resolve => setTimeout(resolve, 20))
    }
    return 'remembers'
  }

  async #trust(): Promise<string> {
    const { status, headers } = await fetch(new URL('trust', this.#console), { signal: AbortSignal.timeout(longest) })
    if (status === 503 && Number(headers.get('retry-after')) > 0) return 'unavailable, later'
    return status === 200 ? 'done' : String(status)
  }

  async #status(path: string): Promise<string> {
    return String((await fetch(new URL(path, this.#console), { signal: AbortSignal.timeout(longest) })).status)
  }

  #close(): void {
    for (const each of [this.#door, this.#operator, this.#device]) each.close()
  }
}

async function outcome(asked: Promise<unknown>): Promise<string> {
  const told = asked.then(
    () => 'done',
    ({ code, retryAfter }: Refused) => `${code}${Number(retryAfter) > 0 ? ', later' : ''}`,
  )
  let late: NodeJS.Timeout | undefined
  const hangs = new Promise<string>(resolve => {
    late = setTimeout(resolve, longest, 'hangs')
  })
  return Promise.race([told, hangs]).finally(() => clearTimeout(late))
}
