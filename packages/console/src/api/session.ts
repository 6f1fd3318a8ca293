import { signal } from '@preact/signals'

/** An operator signed in to this tab. */
export interface Session {
  /** The secret that every call carries. */
  readonly session: string
  readonly operator: string
  /** `spiffe://platform.example.test/operator/alice` */
  readonly identity: string
  readonly grants: string
  readonly expires: string
  /** It ends after this many milliseconds without a call. */
  readonly idle: number
}

/** Why there is no session any more, in words for the person who had it. */
export interface Ended {
  readonly message: string
  readonly hint?: string | undefined
}

const place = 'mintmark-session'

// Of this tab alone: no other tab and no other site reads it, and it is gone with the tab.
export const session = signal<Session | undefined>(readKept())
export const ended = signal<Ended | undefined>(undefined)

let clock: ReturnType<typeof setTimeout> | undefined

export function beginSession(begun: Session): void {
  sessionStorage.setItem(place, JSON.stringify(begun))
  ended.value = undefined
  session.value = begun
  touchSession()
}

export function endSession(why?: Ended): void {
  clearTimeout(clock)
  sessionStorage.removeItem(place)
  ended.value = why
  session.value = undefined
}

/** What is on the screen goes when the session does, not only at the next click. */
export function touchSession(): void {
  const { idle } = session.value ?? {}
  clearTimeout(clock)
  if (idle === undefined) return
  const message = `You were signed out: nothing was asked for ${Math.round(idle / 60_000)} minutes.`
  clock = setTimeout(() => endSession({ message }), idle)
}

function readKept(): Session | undefined {
  try {
    const kept = JSON.parse(sessionStorage.getItem(place) ?? 'null') as Session | null
    return typeof kept?.session === 'string' ? kept : undefined
  } catch {
    // Someone else wrote there; it is no session.
    return undefined
  }
}
