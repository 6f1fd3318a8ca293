import { signal } from '@preact/signals'

/** The secret of a sign-in link that was opened and is not used yet. */
export const link = signal<string | undefined>(undefined)

/** Takes the secret out of the address. Opened in a tab that is here already, it comes as a change of the fragment. */
export function takeLink(): void {
  take(location.hash, '#/')
  addEventListener(
    'hashchange',
    event => {
      if (!take(new URL(event.newURL).hash, new URL(event.oldURL).hash)) return
      // To everyone else nothing has changed.
      event.stopImmediatePropagation()
    },
    { capture: true },
  )
}

function take(hash: string, otherwise: string): boolean {
  const found = /^#link=(.*)$/.exec(hash)
  if (!found) return false
  const kept = found[1]!
  history.replaceState(history.state, '', location.pathname + (otherwise.startsWith('#/') ? otherwise : '#/'))
  link.value = kept
  return true
}
