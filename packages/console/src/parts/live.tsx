import { signal } from '@preact/signals'

/** What was done, for whoever sees the page and for whoever hears it. */
const said = signal<{ readonly text: string; readonly isSeen: boolean } | undefined>(undefined)
let clock: ReturnType<typeof setTimeout> | undefined

/** Says what was done: spoken at once, and seen for a while. */
export function tell(text: string): void {
  say(text, true)
}

/** Only spoken: whoever sees the page sees it already. */
export function speak(text: string): void {
  say(text, false)
}

function say(text: string, isSeen: boolean): void {
  clearTimeout(clock)
  said.value = { text, isSeen }
  clock = setTimeout(hush, isSeen ? 8_000 : 1_500)
}

function hush(): void {
  said.value = undefined
}

/** One region for the whole console: a screen reader follows the one that was there from the start. */
export const Live = () => (
  <div class="live" role="status">
    {said.value && <p class={said.value.isSeen ? 'told' : 'unseen'}>{said.value.text}</p>}
  </div>
)
