import { percentile, shownTime, type Times } from './latency.ts'

const milliseconds = { shown: shownTime, percentiles: [50, 99] } as const
const bytes = { shown: shownBytes, percentiles: [50] } as const

/** A row each of what is printed, in this order. */
const rows = {
  start: { ...milliseconds, percentiles: [50], title: 'start until ready', budget: '<= 2 s' },
  memory: { ...bytes, title: 'memory after the start', budget: undefined },
  memoryLoaded: { ...bytes, title: 'memory after the load', budget: undefined },
  lookup: { ...milliseconds, title: 'one device, one at a time', budget: 'p99 <= 5 ms' },
  lookups: { ...milliseconds, title: 'one device, 16 at a time', budget: 'p99 <= 5 ms' },
  firstPage: { ...milliseconds, title: '100 devices, the first', budget: undefined },
  middlePage: { ...milliseconds, title: '100 devices, somewhere in the middle', budget: undefined },
  lastPage: { ...milliseconds, title: '100 devices, the last', budget: undefined },
  search: { ...milliseconds, title: 'search by four characters of a name', budget: undefined },
  standing: { ...milliseconds, title: 'standing, as the gate asks, in the process', budget: undefined },
  bare: { ...milliseconds, title: 'bare point read of node:sqlite', budget: undefined },
} as const

/** What one round of one registry took: milliseconds, and bytes. */
export type Round = Readonly<Record<keyof typeof rows, Times>>

/** Every figure of the large registry beside that of the small one, and how many times as much it is. */
export function printReport(ofLarge: readonly Round[], ofSmall: readonly Round[]): void {
  for (const [key, { title, shown, percentiles, budget }] of Object.entries(rows)) {
    const all = (rounds: readonly Round[]): Times => rounds.flatMap(round => round[key as keyof Round])
    const [large, small] = [all(ofLarge), all(ofSmall)]
    const figures = percentiles.map(each => {
      const [a, b] = [percentile(large, each), percentile(small, each)]
      const name = each === 50 ? '' : `p${each} `
      return `${name}${shown(a).padStart(8)} beside ${shown(b).padStart(8)}, ${(a / b).toFixed(2)}x`
    })
    console.log(`  ${title.padEnd(44)} ${figures.join('   ')}${budget === undefined ? '' : `   (budget: ${budget})`}`)
  }
  const times = (key: keyof Round): number =>
    percentile(
      ofLarge.flatMap(round => round[key]),
      50,
    )
  for (const key of ['standing', 'lookup'] as const) {
    console.log(`  ${rows[key].title} / bare point read: ${(times(key) / times('bare')).toFixed(1)}x`)
  }
}

export function shownBytes(count: number): string {
  return `${(count / 1e6).toFixed(0)} MB`
}
