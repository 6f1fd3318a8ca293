import type { TrustView } from '../../operations/trust.ts'
import { type Html, html } from './html.ts'

/** Something stored is not what the platform signs with: where, and what to do about it. */
export function mismatchNotice(view: TrustView): Html | undefined {
  if (!view.mismatch) return undefined
  const places = [
    { name: 'Root', id: 'root', part: view.root },
    { name: 'Server CA', id: 'server-ca', part: view.server },
    { name: 'People CA', id: 'people-ca', part: view.people },
    { name: 'Ledger of the platform', id: 'ledger', part: view.ledger },
    ...view.fleets.flatMap(({ fleet, authority, charter, ledger }) => [
      { name: `CA of fleet ${fleet}`, id: `fleet-${fleet}-ca`, part: authority },
      { name: `Charter of fleet ${fleet}`, id: `fleet-${fleet}-charter`, part: charter },
      { name: `Ledger of fleet ${fleet}`, id: `fleet-${fleet}-ledger`, part: ledger },
    ]),
  ].filter(({ part }) => part === null || part.mismatch)
  return html`<section class="notice bad" aria-labelledby="mismatch-title">
<h2 id="mismatch-title">Mismatch</h2>
<p>What is stored here is not what this platform signs with. Do not trust what is marked:</p>
<ul>${places.map(({ name, id }) => html`<li><a href="#${id}">${name}</a></li>`)}</ul>
<p>For its operator: keep a copy of this page, stop the platform, and compare with
<code>mintmark audit verify</code> and a backup.</p>
</section>`
}

/** What a development root means, and the way out of it. */
export function developmentNotice({ development }: TrustView): Html | undefined {
  if (!development) return undefined
  return html`<section class="notice development" aria-labelledby="development-title">
<h2 id="development-title">Development root</h2>
<p>The root of this platform was not made at an air gap. A rehearsal made it on this very computer, with its passphrase
in a file beside it. Whoever can read that directory can make CAs and charters that every device here believes.
Build and test with it; trust it with nothing real.</p>
<p>For production, make a root on a computer that is connected to nothing, and found a new platform with it:
<code>mintmark ceremony request</code> here, <code>mintmark-ceremony answer</code> there,
<code>mintmark ceremony merge</code> here. Devices of this root have to be enrolled again.</p>
</section>`
}
