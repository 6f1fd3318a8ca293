import { useSignal } from '@preact/signals'
import { useRef } from 'preact/hooks'
import { speak, tell } from './live.tsx'

/** Copies a text; `what` says it to whoever does not see where the button stands. */
export const Copy = ({ text, what }: { readonly text: string; readonly what: string }) => {
  const isCopied = useSignal(false)
  const clock = useRef<ReturnType<typeof setTimeout>>(undefined)
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text)
    } catch {
      tell(`The browser did not let the console copy the ${what}. Select it and copy it by hand.`)
      return
    }
    isCopied.value = true
    speak(`Copied the ${what}.`)
    clearTimeout(clock.current)
    clock.current = setTimeout(() => {
      isCopied.value = false
    }, 2_000)
  }
  return (
    <button type="button" class="small copy" onClick={copy}>
      {/* Both words are there, so that the button keeps its width. */}
      <span class={isCopied.value ? 'hidden' : ''}>
        Copy<span class="unseen"> the {what}</span>
      </span>
      <span class={isCopied.value ? '' : 'hidden'} aria-hidden="true">
        Copied
      </span>
    </button>
  )
}

/** A command or a text of one or more lines, to be taken elsewhere. */
export const CopyBlock = ({ text, what }: { readonly text: string; readonly what: string }) => (
  <div class="copy-block">
    <pre>{text}</pre>
    <Copy text={text} what={what} />
  </div>
)
