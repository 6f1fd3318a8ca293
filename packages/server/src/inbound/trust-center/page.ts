import type { FleetTrust, TrustView } from '../../operations/trust.ts'
import { certificateCard, digest, time } from './certificate.ts'
import { checkList } from './check-list.ts'
import { type Addresses, fleetChecks, platformChecks } from './checks.ts'
import { type Html, html } from './html.ts'
import { charterCard, ledgerCard } from './ledger.ts'
import { developmentNotice, mismatchNotice } from './notices.ts'
import { chainTree } from './tree.ts'

/** The Trust Center as one page, readable with no script: the page has none, and its policy would run none. */
export function renderTrustPage(view: TrustView, addresses: Addresses): string {
  return `${html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Trust Center of ${view.domain}</title>
<link rel="stylesheet" href="/trust.css">
<link rel="icon" href="/trust/icon.svg" type="image/svg+xml">
</head>
<body>
${masthead(view)}
<main>
${mismatchNotice(view)}
${developmentNotice(view)}
${chain(view)}
${platform(view)}
${fleets(view, addresses)}
${checkYourself(view, addresses)}
${notShown}
</main>
<footer>
<p>The same facts for programs: <a href="/trust.json">trust.json</a>.</p>
</footer>
</body>
</html>
`}`
}

const masthead = ({ domain, at }: TrustView): Html => html`<header class="masthead">
<p class="brand">${seal} Mintmark</p>
<h1><span class="of">Trust Center of</span> <bdi>${domain}</bdi></h1>
<p class="live">Read from the running platform at ${time(at)}. Nothing is cached: reload the page to read it again.</p>
<nav aria-label="On this page"><ul>
<li><a href="#chain">Chain</a></li>
<li><a href="#platform">Platform</a></li>
<li><a href="#fleets">Fleets</a></li>
<li><a href="#check">Check it yourself</a></li>
<li><a href="#not-shown">Not shown</a></li>
</ul></nav>
</header>`

const chain = (view: TrustView): Html => html`<section id="chain" aria-labelledby="chain-title">
<h2 id="chain-title">Chain of trust</h2>
<p>Every device of this platform holds the root. It believes a certificate or a charter only where the root leads to it.</p>
${chainTree(view)}
</section>`

function platform({ domain, development, root, rootWords, server, people, ledger }: TrustView): Html {
  const where = development
    ? "It signs the charters of fleets too. Its key is on this platform's own computer."
    : 'It signs the charters of fleets too. Its key is kept offline: this platform does not hold it.'
  const words = html`<div class="wide"><dt>Read aloud</dt><dd class="words">${rootWords}</dd></div>`
  const rootPlace = { id: 'root', role: 'Root', note: where, file: '/trust/root.pem', level: 3 } as const
  const serverNote = `No names bind it, so that every TLS library can read it: a device also asks for the name
spiffe://platform.${domain}/server in the certificate it is shown.`
  const peopleNote = 'For operators, gateways and notices, never for devices.'
  return html`<section id="platform" aria-labelledby="platform-title">
<h2 id="platform-title">Platform</h2>
${certificateCard(root, rootPlace, words)}
${certificateCard(server, place('server-ca', 'Server CA', serverNote))}
${certificateCard(people, place('people-ca', 'People CA', peopleNote))}
${ledgerCard(ledger, { id: 'ledger', title: 'Ledger of the platform', level: 3 })}
</section>`
}

const place = (id: string, role: string, note: string) =>
  ({ id, role, note, file: `/trust/${id}.pem`, level: 3 }) as const

const fleets = (
  view: TrustView,
  addresses: Addresses,
): Html => html`<section id="fleets" aria-labelledby="fleets-title">
<h2 id="fleets-title">Public fleets</h2>
${
  view.fleets.length === 0
    ? html`<p class="empty">No public fleet yet. A fleet is shown here when it was created as public and the root has signed its charter.</p>`
    : view.fleets.map(trust => fleetSection(view, trust, addresses))
}
</section>`

function fleetSection(view: TrustView, trust: FleetTrust, addresses: Addresses): Html {
  const { fleet, authority, charter, ledger } = trust
  const id = `fleet-${fleet}`
  const note = `Its certificates name spiffe://${fleet}.${view.domain}/device/… and stations.`
  const file = `/trust/fleets/${fleet}.pem`
  return html`<section class="fleet" id="${id}" aria-labelledby="${id}-title">
<h3 id="${id}-title">Fleet ${fleet}</h3>
${certificateCard(authority, { id: `${id}-ca`, role: `CA of fleet ${fleet}`, note, file, level: 4 })}
${charterCard(charter, { id: `${id}-charter`, title: 'Charter', level: 4 }, `/trust/fleets/${fleet}.charter`)}
${ledgerCard(ledger, { id: `${id}-ledger`, title: 'Ledger', level: 4 })}
<details class="box"><summary>Check ${fleet} yourself</summary>
<p>In the directory where <code>root.pem</code> is: see <a href="#check">Check it yourself</a>.</p>
${checkList(fleetChecks(view, trust, addresses))}
</details>
</section>`
}

const checkYourself = (
  view: TrustView,
  addresses: Addresses,
): Html => html`<section id="check" aria-labelledby="check-title">
<h2 id="check-title">Check it yourself</h2>
<p>A page cannot vouch for itself. First compare the root's fingerprint with one that came another way: the record of the
founding ceremony, or <code>anchor.pem</code> of a device. It is</p>
<p class="hero">${digest(view.root.sha256, 'fingerprint')}</p>
<p>Then run this in an empty directory. A ledger may have grown since this page was made.</p>
<div class="box">${checkList(platformChecks(view, addresses))}</div>
</section>`

const notShown = html`<section id="not-shown" aria-labelledby="not-shown-title">
<h2 id="not-shown-title">What this page does not show</h2>
<ul>
<li>Private fleets: not their names, not their number, not their CAs and ledgers. A mismatch in one of them is not marked here either.</li>
<li>Public fleets whose charter the root has not signed yet.</li>
<li>Devices, stations, operators, enrollment tokens.</li>
<li>Whether this computer is in the right hands. Who controls it controls this page, but not your copy of the root.</li>
</ul>
</section>`

const seal = html`<svg viewBox="0 0 32 32" width="28" height="28" aria-hidden="true" focusable="false">
<circle cx="16" cy="16" r="14" fill="none" stroke="currentColor" stroke-width="2"/>
<circle cx="16" cy="16" r="10.5" fill="none" stroke="currentColor" stroke-dasharray="1 2.3"/>
<path d="M11 21V11.5l5 6 5-6V21" fill="none" stroke="currentColor" stroke-width="2.2" stroke-linecap="round" stroke-linejoin="round"/>
</svg>`
