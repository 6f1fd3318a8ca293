import type { LedgerView } from '../../operations/trust.ts'
import type { CharterFacts, CharterView } from '../../operations/trust-charters.ts'
import { digest, fileLink, findings, time } from './certificate.ts'
import { type Html, html } from './html.ts'
import { charterFindings, ledgerFindings } from './words.ts'

interface Place {
  readonly id: string
  readonly title: string
  readonly level: 3 | 4
}

export function ledgerCard(view: LedgerView, place: Place): Html {
  return html`<article class="card${view.mismatch ? ' mismatch' : ''}" id="${place.id}" aria-labelledby="${place.id}-title">
<header>${heading(place)}</header>
${findings(view.findings.map(finding => ledgerFindings[finding]))}
<dl>
<div><dt>Origin</dt><dd><code>${view.origin}</code></dd></div>
<div><dt>Size</dt><dd>${view.size.toLocaleString('en')} ${view.size === 1 ? 'entry' : 'entries'}</dd></div>
<div><dt>Root hash</dt><dd><code class="long">${view.rootHash}</code></dd></div>
<div><dt>Verifier key</dt><dd><code class="long">${view.verifierKey}</code></dd></div>
</dl>
<details><summary>Checkpoint, signed</summary><pre>${view.checkpoint}</pre></details>
</article>`
}

export function charterCard(view: CharterView, place: Place, file: string): Html {
  const { says } = view
  return html`<article class="card${view.mismatch ? ' mismatch' : ''}" id="${place.id}" aria-labelledby="${place.id}-title">
<header>${heading(place)}</header>
${findings(view.findings.map(finding => charterFindings[finding]))}
<p class="purpose">The root's word that this fleet has this CA and this ledger.</p>
<dl>
${says === null ? undefined : factRows(says)}
<div><dt>SHA-256</dt><dd>${digest(view.sha256)}</dd></div>
<div><dt>File</dt><dd>${fileLink(file)}</dd></div>
</dl>
</article>`
}

const factRows = ({ version, issued, authority, releaseRoot }: CharterFacts): Html =>
  html`<div><dt>Version</dt><dd>${version}, issued ${time(issued)}</dd></div>
<div><dt>Names CA key</dt><dd>${digest(authority)}</dd></div>
<div><dt>Release root</dt><dd>${releaseRoot === null ? 'none yet' : digest(releaseRoot)}</dd></div>`

const heading = ({ id, title, level }: Place): Html =>
  level === 3 ? html`<h3 id="${id}-title">${title}</h3>` : html`<h4 id="${id}-title">${title}</h4>`
