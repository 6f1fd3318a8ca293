import { appendFileSync } from 'node:fs'

/** How often a fault is made: what the environment says (`MINTMARK_KILLS`), or the sample of a quick run. */
export function count(name: string, sample: number): number {
  const text = process.env[`MINTMARK_${name.toUpperCase().replaceAll(' ', '_')}`]
  if (text === undefined) return sample
  if (!/^\d{1,9}$/.test(text)) throw new Error(`${name}: ${text} is no count`)
  return Number(text)
}

export interface Report {
  readonly fault: string
  readonly times: number
  /** What clients were told meanwhile, all of it there afterwards. */
  readonly acknowledged?: number
  readonly seed?: number
  readonly note?: string
}

/** Says what was done, and leaves it for `npm run torture` where that has asked. */
export function report(done: Report): void {
  const { fault, times, acknowledged, seed, note } = done
  const rest = [
    acknowledged === undefined ? [] : `${acknowledged} acknowledged, none lost`,
    note ?? [],
    seed === undefined ? [] : `seed ${seed}`,
  ].flat()
  process.stdout.write(`${[`${fault}: ${times} times`, ...rest].join(', ')}\n`)
  const file = process.env.MINTMARK_REPORT
  if (file !== undefined) appendFileSync(file, `${JSON.stringify(done)}\n`)
}
