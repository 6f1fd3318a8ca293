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
  /** Whose session it was; absent where there was none. */
  readonly operator?: string | undefined
}

/** The session ends soon: by itself where nothing is asked for, or whatever is done. */
export type Ending = 'idle' | 'at-most'

const place = 'mintmark-session'

// Of this tab alone: no other tab and no other site reads it, and it is gone with the tab.
export const session = signal<Session | undefined>(readKept())
export const ended = signal<Ended | undefined>(undefined)

export const ending = signal<Ending | undefined>(undefined)

/** Milliseconds before the end at which it is said, long enough to finish a sentence. */
const notice = { idle: 120_000, 'at-most': 600_000 } as const
/** Browsers count no further. */
const longest = 2 ** 31 - 1

let clocks: ReturnType<typeof setTimeout>[] = []

export function beginSession(begun: Session): void {
  sessionStorage.setItem(place, JSON.stringify(begun))
  ended.value = undefined
  session.value = begun
  touchSession()
}

export function endSession(why?: Ended): void {
  stopClocks()
  sessionStorage.removeItem(place)
  ended.value = why && { ...why, operator: session.value?.operator }
  session.value = undefined
}

/** What is on the screen goes when the session does, not only at the next click. */
export function touchSession(): void {
  stopClocks()
  if (session.value === undefined) return
  const { idle, expires } = session.value
  const message = `You were signed out: nothing was asked for ${Math.round(idle / 60_000)} minutes.`
  after(idle, () => endSession({ message }))
  after(idle - notice.idle, () => (ending.value ??= 'idle'))
  // Nothing ends it here: the platform's clock is the one that counts.
  after(Date.parse(expires) - Date.now() - notice['at-most'], () => (ending.value = 'at-most'))
}

function after(delay: number, act: () => void): void {
  if (delay <= longest) clocks.push(setTimeout(act, Math.max(0, delay)))
}

function stopClocks(): void {
  for (const clock of clocks) clearTimeout(clock)
  clocks = []
  ending.value = undefined
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
