import { useSignal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { useEffect } from 'preact/hooks'
import { fleets } from '../api/fleets.ts'
import { may } from '../api/grants.ts'
import { session } from '../api/session.ts'
import { signOut } from '../api/sign-in.ts'
import { warnings } from '../api/warnings.ts'
import { to } from '../place/address.ts'
import { shown } from '../place/navigation.ts'
import { domainOf } from '../words/names.ts'
import { grouped } from '../words/number.ts'
import { isUrgent } from '../words/warnings.ts'
import { Seal } from './seal.tsx'
import { showShortcuts } from './shortcuts.tsx'

export const Navigation = () => {
  const isOpen = useSignal(false)
  // Nowhere, while nothing is shown.
  const path = shown.value?.path ?? '-'
  useEffect(() => {
    isOpen.value = false
  }, [path])
  const { operator = '', identity = '' } = session.value ?? {}
  return (
    <header class="side">
      <p class="brand">
        <a href="#/">
          <Seal />
          <span>
            Mintmark
            <span class="domain">{domainOf(identity)}</span>
          </span>
        </a>
      </p>
      <p class="who-short">
        <span class="unseen">Signed in as </span>
        <bdi>{operator}</bdi>
      </p>
      <button
        type="button"
        class="menu"
        aria-expanded={isOpen.value}
        aria-controls="navigation"
        onClick={() => {
          isOpen.value = !isOpen.value
        }}
      >
        Menu
      </button>
      <div id="navigation" class={isOpen.value ? 'open' : ''}>
        <nav aria-label="Console">
          <ul>
            <Item path="" here={path}>
              Overview
            </Item>
            <Item path="warnings" here={path}>
              Warnings <WarningCount />
            </Item>
            <Item path="operators" here={path}>
              Operators
            </Item>
            {may('audit') && (
              <Item path="ledger" here={path}>
                Platform ledger
              </Item>
            )}
          </ul>
          {fleets.value.length > 0 && (
            <>
              <h2>Fleets</h2>
              <ul class="fleets">
                {fleets.value.map(({ fleet }) => (
                  <Item key={fleet} path={`fleets/${fleet}`} here={path}>
                    {fleet}
                  </Item>
                ))}
              </ul>
            </>
          )}
        </nav>
        <div class="foot">
          <a class="quiet-link" href="/trust">
            Trust Center
          </a>
          <button type="button" class="quiet-link wide-only" onClick={showShortcuts}>
            Keyboard shortcuts <kbd>?</kbd>
          </button>
          <p class="who">
            <span>
              <span class="as">Signed in as</span>
              <bdi>{operator}</bdi>
            </span>
            <button type="button" class="small" onClick={signOut}>
              Sign out
            </button>
          </p>
        </div>
      </div>
    </header>
  )
}

/** How many there are, beside the word; nothing where there are none. */
const WarningCount = () => {
  const { warnings: all = [], more = false } = warnings.value ?? {}
  if (all.length === 0) return null
  return (
    <span class={`count ${all.some(isUrgent) ? 'bad' : 'warn'}`}>
      {grouped(all.length)}
      {more && '+'}
    </span>
  )
}

const Item = ({
  path,
  here,
  children,
}: {
  readonly path: string
  readonly here: string
  readonly children: ComponentChildren
}) => {
  const isHere = path === here || (path !== '' && here.startsWith(`${path}/`))
  return (
    <li>
      <a
        href={to(path.split('/').filter(Boolean))}
        aria-current={isHere ? (path === here ? 'page' : 'true') : undefined}
      >
        {children}
      </a>
    </li>
  )
}
