import type { FunctionComponent } from 'preact'
import type { Place } from './address.ts'

export interface Here extends Place {
  /** Parts of the address by the names that the pattern of the page has for them. */
  readonly names: Readonly<Record<string, string>>
}

/** A page is shown when all that it shows is there: nothing jumps into place later. */
export interface Page<Data> {
  /** `fleets/:fleet/devices/:name` */
  readonly pattern: string
  load(here: Here, signal: AbortSignal): Promise<Data>
  title(data: Data, here: Here): string
  readonly View: FunctionComponent<{ readonly data: Data; readonly here: Here }>
}

/** Binds what a page loads to what it shows. */
export const page = <Data>(page: Page<Data>): Page<unknown> => page as unknown as Page<unknown>

/** The page of a place, and the names in its address. */
export function findPage(
  pages: readonly Page<unknown>[],
  { segments }: Place,
): [Page<unknown>, Here['names']] | undefined {
  for (const each of pages) {
    const parts = each.pattern === '' ? [] : each.pattern.split('/')
    if (parts.length !== segments.length) continue
    const isHere = parts.every((part, i) => part.startsWith(':') || part === segments[i])
    if (!isHere) continue
    const names = parts.flatMap((part, i) => (part.startsWith(':') ? [[part.slice(1), segments[i]!] as const] : []))
    return [each, Object.fromEntries(names)]
  }
  return undefined
}
