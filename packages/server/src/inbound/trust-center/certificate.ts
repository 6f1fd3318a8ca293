import type { CertificateView } from '../../operations/trust-certificates.ts'
import { type Html, html } from './html.ts'
import { certificateFindings, limitTexts, nearness, purposeText, timeText, validityText } from './words.ts'

/** Where a certificate stands on the page, and what is true of it besides its own facts. */
export interface Place {
  readonly id: string
  /** For where there is no certificate to take a title from. */
  readonly role: string
  readonly note: string
  /** Path of its PEM file. */
  readonly file: string
  readonly level: 3 | 4
}

/** All of one certificate. */
export function certificateCard(view: CertificateView | null, place: Place, more?: Html): Html {
  const { id, role, note, file } = place
  if (view === null) {
    return html`<article class="card mismatch" id="${id}" aria-labelledby="${id}-title">
${heading(place, role)}
${findings(['The store has no certificate here that can be read.'])}
</article>`
  }
  return html`<article class="card${view.mismatch ? ' mismatch' : ''}" id="${id}" aria-labelledby="${id}-title">
<header>${heading(place, view.title)}${status(view)}</header>
${findings(view.findings.map(finding => certificateFindings[finding]))}
<p class="purpose">${purposeText(view)} ${note}</p>
<dl>
<div class="wide"><dt>SHA-256 fingerprint</dt><dd>${digest(view.sha256, 'fingerprint')}</dd></div>
${more}
<div><dt>Valid</dt><dd>${time(view.notBefore)} to ${time(view.notAfter)}</dd></div>
<div><dt>Limits</dt><dd>${limitTexts(view).map(text => html`<span class="limit">${text}</span> `)}</dd></div>
<div><dt>Serial</dt><dd><code>${view.serial}</code></dd></div>
<div><dt>Key</dt><dd>${view.algorithm}, key id ${digest(view.keyId)}</dd></div>
<div><dt>File</dt><dd>${fileLink(file)}</dd></div>
</dl>
<details><summary>Certificate, PEM</summary><pre>${view.certificate}</pre></details>
</article>`
}

/** How long it is still valid, and whether it is what it should be; in words, not in colour alone. */
export const status = (view: CertificateView | null): Html =>
  html`<p class="status">${
    view?.mismatch === false ? undefined : html`<strong class="chip over">Does not match</strong> `
  }${view === null ? undefined : html`<span class="chip ${nearness(view)}">${validityText(view)}</span>`}</p>`

export const findings = (sentences: readonly string[]): Html | undefined =>
  sentences.length === 0
    ? undefined
    : html`<div class="findings"><p><strong>Does not match.</strong></p><ul>${sentences.map(
        sentence => html`<li>${sentence}</li>`,
      )}</ul></div>`

/** In groups of four for the eye; no spaces are in the text, so that a copy is what other tools print. */
export const digest = (hex: string, style = 'digest'): Html =>
  html`<code class="${style}">${(hex.match(/.{1,4}/g) ?? []).map(group => html`<span>${group}</span><wbr>`)}</code>`

export const fileLink = (path: string): Html => html`<a href="${path}">${path.slice(path.lastIndexOf('/') + 1)}</a>`

export const time = (iso: string): Html => html`<time datetime="${iso}">${timeText(iso)}</time>`

const heading = ({ id, level }: Place, title: string): Html =>
  level === 3
    ? html`<h3 id="${id}-title"><bdi>${title}</bdi></h3>`
    : html`<h4 id="${id}-title"><bdi>${title}</bdi></h4>`
