import { type Signal, signal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { session } from '../api/session.ts'

// What somebody was writing when the session ended, for the same operator in the same tab: in memory only, and gone
// with the tab, with signing out, and with another operator.
const kept = new Map<string, { readonly value: Signal<unknown>; readonly initial: unknown }>()
let owner = session.value?.identity

/** A value that somebody writes. It is still there where the session ended by itself and the same one signs in again. */
export function useDraft<T>(name: string, initial: T): Signal<T> {
  const key = useRef(`${location.hash} ${name}`).current
  const found = useRef<Signal<unknown>>(undefined)
  found.current ??= kept.get(key)?.value ?? signal(initial)
  const value = found.current
  kept.set(key, { value, initial })
  useEffect(
    () => () => {
      // Left by the operator, and not by the end of the session.
      if (session.value !== undefined && kept.get(key)?.value === value) kept.delete(key)
    },
    [],
  )
  return value as Signal<T>
}

/** Someone signs in: what another one was writing is not shown. */
export function ownDrafts(identity: string): void {
  if (owner !== identity) dropDrafts()
  owner = identity
}

export function dropDrafts(): void {
  kept.clear()
}

/** Whether something was written that is not sent. */
export const hasDrafts = (): boolean =>
  [...kept.values()].some(({ value, initial }) => typeof initial === 'string' && value.peek() !== initial)
