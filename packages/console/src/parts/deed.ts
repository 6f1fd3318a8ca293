import { useSignal } from '@preact/signals'
import { Refusal } from '../api/call.ts'

/** Something that is asked of the platform: once at a time, and what it refuses is kept to be shown. */
export function useDeed(deed: () => Promise<void>) {
  const isRunning = useSignal(false)
  const refusal = useSignal<Refusal | undefined>(undefined)
  const run = async () => {
    if (isRunning.value) return
    isRunning.value = true
    refusal.value = undefined
    try {
      await deed()
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      refusal.value = error
    } finally {
      isRunning.value = false
    }
  }
  return { run, isRunning: isRunning.value, refusal: refusal.value }
}
