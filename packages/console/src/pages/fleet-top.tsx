import type { ComponentChildren } from 'preact'
import { fleets } from '../api/fleets.ts'
import { may } from '../api/grants.ts'
import { warnings, warningsOf } from '../api/warnings.ts'
import { Heading } from '../parts/text.tsx'
import { to } from '../place/address.ts'
import { count } from '../words/number.ts'
import { isUrgent } from '../words/warnings.ts'

const tabs = [
  ['', 'Devices'],
  ['tokens', 'Tokens'],
  ['config', 'Configuration'],
  ['ledger', 'Ledger'],
] as const

/** Name and parts of a fleet, the same above each of them. */
export const FleetTop = ({
  fleet,
  tab,
  children,
}: {
  readonly fleet: string
  readonly tab: (typeof tabs)[number][0]
  readonly children?: ComponentChildren
}) => {
  const isPending = fleets.value.find(each => each.fleet === fleet)?.state === 'pending'
  const found = warningsOf(warnings.value, fleet)
  return (
    <>
      <div class="top">
        <Heading>
          <span class="unseen">{tabs.find(([part]) => part === tab)?.[1]} of fleet </span>
          <bdi>{fleet}</bdi>
        </Heading>
        {found.length > 0 && (
          <a class={`chip ${found.some(isUrgent) ? 'bad' : 'warn'}`} href={to(['warnings'], { of: fleet })}>
            {count(found.length, 'warning')}
          </a>
        )}
        {children}
      </div>
      <nav class="tabs" aria-label={`Fleet ${fleet}`}>
        {tabs
          .filter(([part]) => part !== 'ledger' || may('audit', fleet))
          .map(([part, words]) => (
            <a
              key={part}
              href={to(['fleets', fleet, part].filter(Boolean))}
              aria-current={part === tab ? 'page' : undefined}
            >
              {words}
            </a>
          ))}
      </nav>
      {isPending && (
        <div class="banner warn">
          <p>
            <strong>This fleet waits for the root.</strong> It takes no tokens and no devices until its charter is
            signed:
            <code> mintmark ceremony request</code>, answer it at the air gap, <code>mintmark ceremony merge</code>.
          </p>
        </div>
      )}
    </>
  )
}

/** Where a page stands, for pages below a part of a fleet. */
export const Trail = ({ children }: { readonly children: ComponentChildren }) => (
  <nav class="trail" aria-label="Where this is">
    {children}
  </nav>
)
