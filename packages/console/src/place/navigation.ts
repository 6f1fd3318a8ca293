import { signal } from '@preact/signals'
import { Refusal } from '../api/call.ts'
import { readPlace } from './address.ts'
import { findPage, type Here, type Page } from './page.ts'

export interface Shown {
  readonly page: Page<unknown>
  readonly here: Here
  readonly data: unknown
  /** The path alone: a page stays the same one while only its query changes. */
  readonly path: string
}

/** What is on the screen; it stays there until what comes next is loaded. */
export const shown = signal<Shown | undefined>(undefined)
/** Why the place that was asked for cannot be shown. */
export const refusal = signal<Refusal | undefined>(undefined)
export const isLoading = signal(false)
/** Whether what is shown could not be read again. */
export const isOld = signal(false)

let pages: readonly Page<unknown>[] = []
let running: AbortController | undefined
/** How far down each entry of the history was read. */
const depths = new Map<number, number>()
/** Of this load of the page: entries of an earlier one have other numbers. */
let made = Date.now()
let entry = made

/** Follows the address from here on. */
export function startNavigation(all: readonly Page<unknown>[]): void {
  pages = all
  history.scrollRestoration = 'manual'
  entry = newEntry()
  addEventListener('hashchange', () => {
    depths.set(entry, scrollY)
    const known = (history.state as { entry?: number } | null)?.entry
    entry = known ?? newEntry()
    load().then(() => scrollTo(0, depths.get(entry) ?? 0))
  })
  // Someone comes back to a tab that was left open: what it says may be old.
  addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible' && shown.value) load()
  })
}

/** Loads what the address names, or loads it again. */
export async function load(): Promise<void> {
  running?.abort()
  const own = new AbortController()
  running = own
  const place = readPlace(location.hash)
  const path = place.segments.join('/')
  const found = findPage(pages, place)
  isLoading.value = true
  try {
    if (found === undefined) throw new Refusal({ code: 'not-found', message: 'There is no such page.' })
    const [page, names] = found
    const here = { ...place, names }
    const data = await page.load(here, own.signal)
    if (own.signal.aborted) return
    refusal.value = undefined
    isOld.value = false
    shown.value = { page, here, data, path }
    document.title = `${page.title(data, here)} · Mintmark`
  } catch (error) {
    if (own.signal.aborted) return
    // Where somebody may be in the middle of writing, nothing is taken away for a platform that is being restarted.
    isOld.value = shown.value?.path === path && error instanceof Refusal && error.code === 'unreachable'
    if (isOld.value) return
    shown.value = undefined
    refusal.value = error instanceof Refusal ? error : broken(error)
    document.title = 'Not shown · Mintmark'
  } finally {
    if (running === own) isLoading.value = false
  }
}

export function go(address: string, { replace = false } = {}): void {
  if (address === location.hash) return
  if (!replace) {
    location.hash = address
    return
  }
  history.replaceState({ entry }, '', address)
  load()
}

/** The operator changed: what another one has seen is not kept. */
export function forget(): void {
  running?.abort()
  shown.value = undefined
  refusal.value = undefined
  isLoading.value = false
  isOld.value = false
  depths.clear()
}

function newEntry(): number {
  made += 1
  history.replaceState({ entry: made }, '', location.href)
  return made
}

function broken(error: unknown): Refusal {
  console.error(error)
  return new Refusal({ code: 'broken', message: 'The console failed at showing this page.' })
}
