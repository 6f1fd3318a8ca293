import { date } from '../words/time.ts'

/** How much of a certificate's life is over, with the mark where it is renewed. */
export const Validity = ({ from, until }: { readonly from: string; readonly until: string }) => {
  const [begin, end] = [Date.parse(from), Date.parse(until)]
  const over = Math.min(1, Math.max(0, (Date.now() - begin) / (end - begin)))
  const tone = over >= 1 ? 'bad' : over >= 2 / 3 ? 'warn' : 'good'
  return (
    <svg
      class={`validity ${tone}`}
      role="img"
      viewBox="0 0 300 6"
      preserveAspectRatio="none"
      aria-label={`${Math.round(over * 100)} % of its time is over; from ${date(from)} until ${date(until)}`}
    >
      <rect class="whole" width="300" height="6" />
      <rect class="over" width={300 * over} height="6" />
      <rect class="mark" x="200" width="1.5" height="6" />
    </svg>
  )
}
