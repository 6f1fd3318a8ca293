import { openLine, statusOf, type Target } from './raw-client.ts'

/** How long each took, in milliseconds. */
export type Times = readonly number[]

/** Sends the requests over so many keep-alive connections, each waiting for its answer before it asks again. */
export async function timeRequests(target: Target, requests: readonly Buffer[], connections: number): Promise<Times> {
  const lines = await Promise.all(Array.from({ length: connections }, () => openLine(target)))
  const times: number[] = []
  let next = 0
  await Promise.all(
    lines.map(async line => {
      for (let request = requests[next++]; request !== undefined; request = requests[next++]) {
        const begun = performance.now()
        const response = await line.ask(request)
        times.push(performance.now() - begun)
        if (statusOf(response) >= 300) throw new Error(`nothing was measured: ${response.toString('latin1')}`)
      }
    }),
  )
  for (const line of lines) line.close()
  return times
}

/** The least of the times that so many of a hundred do not exceed. */
export function percentile(times: Times, hundredths: number): number {
  const sorted = Float64Array.from(times).sort()
  return sorted[Math.max(0, Math.ceil((sorted.length * hundredths) / 100) - 1)]!
}

/** Three digits, in the unit that suits. */
export function shownTime(milliseconds: number): string {
  if (milliseconds < 0.1) return `${(milliseconds * 1000).toPrecision(3)} µs`
  return milliseconds < 999.5 ? `${milliseconds.toPrecision(3)} ms` : `${(milliseconds / 1000).toPrecision(3)} s`
}
