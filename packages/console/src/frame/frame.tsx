import { useLayoutEffect, useRef } from 'preact/hooks'
import { session } from '../api/session.ts'
import { refreshWarnings } from '../api/warnings.ts'
import { Heading } from '../parts/text.tsx'
import { isLoading, isOld, load, refusal, shown } from '../place/navigation.ts'
import { Ending } from './ending.tsx'
import { Navigation } from './navigation.tsx'
import { Shortcuts } from './shortcuts.tsx'

/** What stands around every page of someone who is signed in. */
export const Frame = () => {
  const main = useRef<HTMLElement>(null)
  const isFirst = useRef(true)
  const path = shown.value?.path ?? refusal.value?.code
  useLayoutEffect(() => {
    if (path === undefined) return
    // The begin of the page is where the browser puts the focus of the first one.
    if (!isFirst.current) main.current?.querySelector('h1')?.focus({ preventScroll: true })
    isFirst.current = false
    refreshWarnings()
  }, [path])
  if (!session.value) return null
  return (
    <div class="frame">
      <button type="button" class="skip-link" onClick={toMain}>
        To the content
      </button>
      <Navigation />
      <main ref={main} aria-busy={isLoading.value}>
        <div class={`progress ${isLoading.value ? 'on' : ''}`} aria-hidden="true" />
        {isOld.value && <Old />}
        <Ending />
        <Content />
      </main>
      <Shortcuts />
    </div>
  )
}

const Content = () => {
  if (refusal.value) return <NotShown />
  if (!shown.value) return null
  const { page, here, data, path } = shown.value
  return <page.View key={path} data={data} here={here} />
}

const NotShown = () => (
  <div class="not-shown">
    <Heading>{refusal.value?.message}</Heading>
    {refusal.value?.hint && <p>{refusal.value.hint}</p>}
    <p class="quiet">
      <code>{refusal.value?.code}</code>
    </p>
    <p class="buttons">
      <button type="button" onClick={load}>
        Try again
      </button>
      <a class="button" href="#/">
        Overview
      </a>
    </p>
  </div>
)

const Old = () => (
  <div class="banner warn" role="status">
    <p>The platform does not answer. What you see may be old.</p>
    <button type="button" class="small" onClick={load}>
      Try again
    </button>
  </div>
)

/** Not a link: the fragment says which page it is. */
function toMain(): void {
  document.querySelector<HTMLElement>('h1')?.focus()
}
