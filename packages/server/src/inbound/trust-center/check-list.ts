import type { Check } from './checks.ts'
import { type Html, html } from './html.ts'

export const checkList = (checks: readonly Check[]): Html =>
  html`<ol class="checks">${checks.map(
    ({ title, commands, prints }) => html`
<li><p class="step">${title}</p>
<pre class="command"><code>${commands}</code></pre>
${
  prints === undefined
    ? html`<p class="prints">Does not print what it should: see above.</p>`
    : html`<p class="prints">prints</p>
<pre class="output"><samp>${prints}</samp></pre>`
}</li>`,
  )}
</ol>`
