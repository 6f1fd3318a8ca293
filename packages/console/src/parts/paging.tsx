import { type Place, to } from '../place/address.ts'

interface PagingProps {
  readonly here: Place
  /** What the platform goes on behind; null on the last page. */
  readonly next: string | null
}

/** Links below a list that goes on. */
export const Paging = ({ here: { segments, query }, next }: PagingProps) => {
  if (next === null && !query.after) return null
  return (
    <nav class="paging" aria-label="Pages">
      {query.after && <a href={to(segments, { ...query, after: undefined })}>First page</a>}
      {next !== null && <a href={to(segments, { ...query, after: next })}>Next page</a>}
    </nav>
  )
}
