import type { Why } from '../api/shapes.ts'
import { Foreign, Heading } from '../parts/text.tsx'
import { to } from '../place/address.ts'
import { Trail } from './fleet-top.tsx'
import { Refusals } from './refusals.tsx'

/** A name that no device has: perhaps one that tried, and was refused. */
export const Stranger = ({
  fleet,
  name,
  why,
}: {
  readonly fleet: string
  readonly name: string
  readonly why: Why
}) => (
  <>
    <Trail>
      <a href={to(['fleets', fleet])}>{fleet}</a>
      <a href={to(['fleets', fleet])}>Devices</a>
    </Trail>
    <div class="top">
      <Heading>
        <Foreign>{name}</Foreign>
      </Heading>
    </div>
    <p class="lead">No device of this name ever enrolled here.</p>
    {why.tokens.length > 0 && (
      <section aria-labelledby="tokens">
        <h2 id="tokens">Tokens of the fleet that were refused in the last day</h2>
        <Refusals label="Refused tokens" refusals={why.tokens} fleet={fleet} isOfMany />
      </section>
    )}
  </>
)
