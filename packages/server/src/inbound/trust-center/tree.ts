import type { TrustView } from '../../operations/trust.ts'
import type { CertificateView } from '../../operations/trust-certificates.ts'
import { digest, status } from './certificate.ts'
import { type Html, html } from './html.ts'
import { purposeText } from './words.ts'

/** Root, its CAs, and of fleets those that are public. */
export function chainTree({ root, server, people, fleets }: TrustView): Html {
  return html`<ul class="tree">
<li>${node('root', 'Root', root)}
<ul>
<li>${node('server-ca', 'Server CA', server)}</li>
<li>${node('people-ca', 'People CA', people)}</li>
${fleets.map(
  ({ fleet, authority }) => html`<li>${node(`fleet-${fleet}-ca`, html`Fleet <b>${fleet}</b>`, authority)}</li>\n`,
)}</ul>
</li>
</ul>`
}

const node = (id: string, name: string | Html, view: CertificateView | null): Html =>
  html`<div class="node${view?.mismatch === false ? '' : ' mismatch'}">
<p class="name"><a href="#${id}">${name}</a></p>
${status(view)}
<p class="may">${view === null ? 'No certificate.' : purposeText(view)}</p>
${view === null ? undefined : digest(view.sha256)}
</div>`
