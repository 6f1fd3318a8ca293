import { signal } from '@preact/signals'
import { Refusal, read } from './call.ts'
import type { Fleet } from './shapes.ts'

/** The fleets that the operator sees, as they were read last: the navigation lists them. */
export const fleets = signal<readonly Fleet[]>([])

export async function readFleets(signal?: AbortSignal): Promise<readonly Fleet[]> {
  const reply = await read<{ fleets: Fleet[] }>('/v1/fleets', signal)
  fleets.value = reply.fleets
  return reply.fleets
}

/** For the navigation, beside whatever page is shown: where it fails, that page has said so. */
export async function refreshFleets(): Promise<void> {
  try {
    await readFleets()
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
  }
}
