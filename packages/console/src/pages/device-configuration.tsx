import type { Effective } from '../api/shapes.ts'
import { to } from '../place/address.ts'
import { targetWords } from '../words/target.ts'

/** What the device reads, and which configurations that is made of. */
export const DeviceConfiguration = ({
  fleet,
  effective,
}: {
  readonly fleet: string
  readonly effective: Effective
}) => (
  <section aria-labelledby="reads">
    <h2 id="reads">Configuration</h2>
    <details class="card">
      <summary>{effective.from.length === 0 ? 'Nothing is set for it' : `Version ${effective.version}`}</summary>
      {effective.from.length > 0 && (
        <p class="quiet made-of">
          Made of, each over those before:{' '}
          {effective.from.map(({ target, version }, i) => (
            <span key={target}>
              {i > 0 && ', '}
              <a href={to(['fleets', fleet, 'config'], { target: target === 'fleet' ? undefined : target })}>
                {targetWords(target)}
              </a>{' '}
              (version {version})
            </span>
          ))}
        </p>
      )}
      <pre class="json">{JSON.stringify(effective.configuration, undefined, 2)}</pre>
    </details>
  </section>
)
