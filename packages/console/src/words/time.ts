const day = 86_400_000

/** `2026-12-29 23:59`; the pages say once that it is UTC. */
export const moment = (at: string): string => at.slice(0, 16).replace('T', ' ')

export const date = (at: string): string => at.slice(0, 10)

/** How far away a time is, in the largest unit that fits: `in 26 days`, `3 hours ago`. */
export function distance(at: string, now: number): string {
  const gap = Date.parse(at) - now
  const size = Math.abs(gap)
  const [unit, length] = units.find(([, least]) => size >= least) ?? ['minute', 60_000]
  const count = Math.floor(size / length)
  if (count === 0) return gap > 0 ? 'within a minute' : 'just now'
  const words = `${count} ${unit}${count === 1 ? '' : 's'}`
  return gap > 0 ? `in ${words}` : `${words} ago`
}

const units: readonly (readonly [string, number])[] = [
  ['day', day],
  ['hour', 3_600_000],
  ['minute', 60_000],
]
