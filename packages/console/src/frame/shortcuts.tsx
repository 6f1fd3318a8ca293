import { signal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { may } from '../api/grants.ts'
import { Dialog } from '../parts/dialog.tsx'
import { to } from '../place/address.ts'
import { go, shown } from '../place/navigation.ts'

interface Shortcut {
  readonly keys: string
  readonly words: string
  /** Absent where it means nothing here. */
  readonly run?: () => void
}

const isSheetOpen = signal(false)
const place = 'mintmark-shortcuts'
/** Whoever speaks to the computer, or leans on keys, can turn single keys off (WCAG 2.1.4). */
const areOn = signal(sessionStorage.getItem(place) !== 'off')

export function showShortcuts(): void {
  isSheetOpen.value = true
}

/** Listens for single keys outside of fields, and shows what they are. */
export const Shortcuts = () => {
  useEffect(() => {
    addEventListener('keydown', onKey)
    return () => removeEventListener('keydown', onKey)
  }, [])
  if (!isSheetOpen.value) return null
  const close = () => {
    isSheetOpen.value = false
  }
  return (
    <Dialog title="Keyboard shortcuts" onClose={close}>
      <dl class="keys">
        {[...shortcuts(), ...inTables].map(({ keys, words }) => (
          <div key={keys}>
            <dt>
              {keys.split(' ').map(key => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{words}</dd>
          </div>
        ))}
      </dl>
      <label class="choice">
        <input type="checkbox" checked={areOn.value} onChange={event => turn(event.currentTarget.checked)} />
        <span>
          Single keys do something
          <span class="hint">Kept in this tab. Tab, Enter, Escape and the arrows always do.</span>
        </span>
      </label>
      <div class="buttons">
        <button type="button" onClick={close}>
          Close
        </button>
      </div>
    </Dialog>
  )
}

const inTables: readonly Shortcut[] = [{ keys: '↑ ↓', words: 'Row above, row below' }]

/** What keys do here: those of a fleet only where there is one. */
function shortcuts(): Shortcut[] {
  const fleet = shown.value?.here.names.fleet
  const leads = (keys: string, words: string, ...segments: string[]): Shortcut => ({
    keys,
    words,
    run: () => go(to(segments)),
  })
  return [
    { keys: '/', words: 'Search', run: focusSearch },
    leads('g o', 'Overview'),
    leads('g w', 'Warnings', 'warnings'),
    leads('g p', 'Operators', 'operators'),
    ...(may('audit') ? [leads('g l', 'Platform ledger', 'ledger')] : []),
    ...(fleet === undefined
      ? []
      : [
          leads('g d', `Devices of ${fleet}`, 'fleets', fleet),
          leads('g t', `Tokens of ${fleet}`, 'fleets', fleet, 'tokens'),
          leads('g c', `Configuration of ${fleet}`, 'fleets', fleet, 'config'),
          ...(may('audit', fleet) ? [leads('g a', `Ledger of ${fleet}`, 'fleets', fleet, 'ledger')] : []),
          ...(may('operate', fleet) ? [leads('n', `New token of ${fleet}`, 'fleets', fleet, 'new-token')] : []),
        ]),
    { keys: '?', words: 'This list', run: showShortcuts },
  ]
}

let typed = ''
let since = Number.NEGATIVE_INFINITY

function onKey(event: KeyboardEvent): void {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || isBusy(event.target)) return
  if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
    if (moveRow(event.key === 'ArrowDown' ? 1 : -1)) event.preventDefault()
    return
  }
  if (!areOn.value || event.key.length !== 1 || event.target instanceof HTMLInputElement) return
  // Two keys are one shortcut while they follow each other closely.
  typed = event.timeStamp - since < 1_500 ? `${typed} ${event.key}` : event.key
  since = event.timeStamp
  const found = shortcuts().find(({ keys }) => keys === typed || keys === event.key)
  if (found === undefined) return
  event.preventDefault()
  since = Number.NEGATIVE_INFINITY
  found.run?.()
}

/** Someone writes, or a dialog has the word. */
function isBusy(target: EventTarget | null): boolean {
  if (document.querySelector('dialog[open]')) return true
  if (!(target instanceof HTMLElement)) return false
  const isSearch = target instanceof HTMLInputElement && target.type === 'search'
  return !isSearch && target.matches('input, textarea, select, pre')
}

function focusSearch(): void {
  document.querySelector<HTMLInputElement>('input[type=search]')?.focus()
}

/** The focus goes along the first links of the rows, from the search field downwards. */
function moveRow(by: number): boolean {
  const links = [...document.querySelectorAll<HTMLElement>('main td a.row, main th a.row')]
  const at = links.indexOf(document.activeElement as HTMLElement)
  const next = links[at + by]
  if (at < 0 && (by < 0 || !(document.activeElement instanceof HTMLInputElement))) return false
  next?.focus()
  return next !== undefined
}

function turn(isOn: boolean): void {
  areOn.value = isOn
  sessionStorage.setItem(place, isOn ? 'on' : 'off')
}
