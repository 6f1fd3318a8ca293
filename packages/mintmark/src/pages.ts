import type { Connection } from '@mintmark/device'
import { type Fields, fieldsOf, listOf } from './reply.ts'

/** A list that the platform gives a page at a time. */
export interface Pages {
  /** With `?` and what is asked of every page. */
  readonly path: string
  /** Under which name a page has its things. */
  readonly name: string
  /** The query name that takes what a page calls `next`. */
  readonly cursor: 'after' | 'before'
}

/** Page after page; `next` leads on until there is none. */
export async function* readPages(platform: Connection, { path, name, cursor }: Pages): AsyncGenerator<Fields[]> {
  const seen = new Set<unknown>()
  for (let at = path; ; ) {
    const { body } = await platform.get(at)
    const { next } = fieldsOf(body)
    const more = typeof next === 'string' || typeof next === 'number'
    if (more && seen.has(next)) throw new Error('the pages do not end')
    seen.add(next)
    yield listOf(body, name)
    if (!more) return
    at = `${path}&${cursor}=${encodeURIComponent(next)}`
  }
}
