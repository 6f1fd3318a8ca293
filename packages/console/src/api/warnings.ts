import { signal } from '@preact/signals'
import { Refusal, read } from './call.ts'
import type { Warning, Warnings } from './shapes.ts'

/** What there is to look at, as it was read last; undefined where it was not, or could not be. */
export const warnings = signal<Warnings | undefined>(undefined)

let readAt = Number.NEGATIVE_INFINITY

export async function readWarnings(signal?: AbortSignal): Promise<Warnings> {
  readAt = performance.now()
  const reply = await read<Warnings>('/v1/warnings', signal)
  warnings.value = reply
  return reply
}

/** For what stands beside the page that is shown, and not at every step from page to page. */
export async function refreshWarnings(): Promise<void> {
  if (performance.now() - readAt < 30_000) return
  await tryWarnings()
}

/** The pages go on where they cannot be read; then that is what there is to look at. */
export async function tryWarnings(signal?: AbortSignal): Promise<Warnings | undefined> {
  try {
    return await readWarnings(signal)
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    warnings.value = undefined
    return undefined
  }
}

export function forgetWarnings(): void {
  warnings.value = undefined
  readAt = Number.NEGATIVE_INFINITY
}

/** Of a fleet; of the platform itself where that is `platform`. */
export const warningsOf = (all: Warnings | undefined, fleet: string): readonly Warning[] =>
  all?.warnings.filter(each => (each.fleet ?? 'platform') === fleet) ?? []
