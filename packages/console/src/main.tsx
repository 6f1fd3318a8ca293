import { render } from 'preact'
import { App } from './app.tsx'
import { takeLink } from './place/link.ts'

// Before anything else, so that the link is nowhere on the screen, in the history, or in what a page restores.
takeLink()
render(<App />, document.getElementById('console')!)
