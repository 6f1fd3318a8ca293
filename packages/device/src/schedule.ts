// When a device does what it does by itself. Pure: the time and the chance, a number from 0 to before 1, are arguments.

/** From when until when a certificate is good, in Unix milliseconds. */
export interface Life {
  readonly notBefore: number
  readonly notAfter: number
}

const second = 1_000
const minute = 60 * second

/**
 * When a renewal is due: at two thirds of the life, a twentieth of it earlier or later, so that devices that were
 * enrolled together do not renew together. The chance is drawn once for each certificate.
 */
export function dueAt({ notBefore, notAfter }: Life, chance: number): number {
  const life = notAfter - notBefore
  return notBefore + life * (2 / 3 + (chance - 0.5) / 10)
}

/** How long to wait between two questions for the configuration: five minutes, a fifth more or less. */
export const pollWait = (chance: number): number => 5 * minute * (0.8 + chance * 0.4)

/** After a start: devices that get their power back together do not all call at once. */
export const startWait = (chance: number): number => 5 * second * chance

const shortest = second
export const longest = 60 * minute

/**
 * How long to wait after so many failures in a row, the first being 1: anything from a second up to a bound that doubles
 * each time, an hour at most. What the platform asked for comes on top, so that those it told the same spread too.
 */
export function waitAfter(failures: number, chance: number, retryAfter = 0): number {
  const bound = Math.min(longest, shortest * 2 ** failures)
  return Math.min(retryAfter, longest) + shortest + chance * (bound - shortest)
}

/** What is left of a certificate for the last tries to renew it. */
export const margin = 10 * minute

/** Never so long that the certificate ends meanwhile without a try: there is one at the margin, and then every minute. */
export function beforeEnd(wait: number, at: number, { notAfter }: Pick<Life, 'notAfter'>): number {
  if (!(at < notAfter)) return wait
  return Math.min(wait, Math.max(notAfter - margin - at, minute))
}

/**
 * The longest a device sleeps without looking at its clocks: a clock that was set, and a suspended computer, are noticed
 * within it.
 */
export const nap = (wait: number): number => Math.min(Math.max(wait, 0), minute)

/**
 * The time of day by two clocks. One may be set at any moment, the other stands still while the computer is suspended;
 * whichever says that more time has passed is believed, so a clock that was set back does not put off a renewal.
 */
export class Clock {
  readonly #wall: () => number
  readonly #monotonic: () => number
  readonly #begun: { readonly wall: number; readonly monotonic: number }

  constructor(wall: () => number, monotonic: () => number) {
    this.#wall = wall
    this.#monotonic = monotonic
    this.#begun = { wall: wall(), monotonic: monotonic() }
  }

  now(): number {
    return Math.max(this.#wall(), this.#begun.wall + this.#monotonic() - this.#begun.monotonic)
  }
}
