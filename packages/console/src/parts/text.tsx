import type { ComponentChildren } from 'preact'
import { sentence } from '../words/sentence.ts'
import { date, distance, moment } from '../words/time.ts'

/** Text that someone else chose: its direction stays inside. */
export const Foreign = ({ children }: { readonly children: string }) => <bdi>{children}</bdi>

export const Moment = ({ at }: { readonly at: string }) => (
  <time class="moment" dateTime={at}>
    {moment(at)}
  </time>
)

/** A day, and how far away it is. */
export const Day = ({ at, isOver }: { readonly at: string; readonly isOver?: boolean }) => (
  <time class="moment" dateTime={at} title={`${moment(at)} UTC`}>
    {isOver ? date(at) : distance(at, Date.now())}
  </time>
)

/** What to do about something. What stands between backquotes is to be typed. */
export const Advice = ({ children }: { readonly children: string }) => {
  if (children === '') return null
  return (
    <span class="advice">
      {sentence(children)
        .split('`')
        .map((part, i) => (i % 2 === 1 ? <code key={i}>{part}</code> : <Foreign key={i}>{part}</Foreign>))}
    </span>
  )
}

/** The heading of a page: after a change of page the focus is there, and so is what a screen reader says next. */
export const Heading = ({ children }: { readonly children: ComponentChildren }) => <h1 tabIndex={-1}>{children}</h1>

export const Chip = ({
  tone,
  children,
}: {
  readonly tone: 'good' | 'warn' | 'bad' | 'plain'
  readonly children: ComponentChildren
}) => <span class={`chip ${tone}`}>{children}</span>

/** An identifier: never broken by hyphens, and selected whole by one click. */
export const Id = ({ children }: { readonly children: string }) => <code class="id">{children}</code>
