import { useEffect, useRef } from 'preact/hooks'
import type { NewToken } from '../api/shapes.ts'
import { CopyBlock } from '../parts/copy.tsx'
import { speak } from '../parts/live.tsx'
import { Qr } from '../parts/qr.tsx'
import { Heading } from '../parts/text.tsx'
import { to } from '../place/address.ts'
import { count } from '../words/number.ts'
import { moment } from '../words/time.ts'

/** The one time that a token is seen: the platform keeps only a hash of its secret. */
export const MadeToken = ({ fleet, made }: { readonly fleet: string; readonly made: NewToken }) => {
  const place = useRef<HTMLDivElement>(null)
  useEffect(() => {
    place.current?.querySelector('h1')?.focus()
    speak('The token is made. It is shown once.')
  }, [])
  const name = made.covers === null || made.covers.includes('*') ? '' : ` --name ${made.covers}`
  return (
    <div ref={place} class="made">
      <Heading>The token is made</Heading>
      <div class="banner warn">
        <p>
          <strong>It is shown once.</strong> The platform does not keep it. When you leave this page it is gone; then
          revoke it and make another one.
        </p>
      </div>
      <h2>On the device</h2>
      <CopyBlock text={`mintmark enroll ${made.token}${name}`} what="command" />
      <h2>The token alone</h2>
      <div class="beside">
        <CopyBlock text={made.token} what="token" />
        <Qr text={made.token} label="The token as a QR code" />
      </div>
      <p class="quiet">
        {count(made.uses, 'use')}, until {moment(made.expires)} UTC, for{' '}
        {made.covers === null ? 'any name' : made.covers}. Whoever has it can use it: give it away over a channel that
        you trust.
      </p>
      <div class="buttons">
        <a class="button" href={to(['fleets', fleet, 'tokens'])}>
          Done
        </a>
      </div>
    </div>
  )
}
