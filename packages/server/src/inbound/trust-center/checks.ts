import type { FleetTrust, TrustView } from '../../operations/trust.ts'
import type { CertificateView } from '../../operations/trust-certificates.ts'

/** Where this platform is reached. */
export interface Addresses {
  /** This page's own origin, as its reader dialled it: `http://127.0.0.1:8080`. */
  readonly console: string
  /** `https://localhost:8443` */
  readonly machine: string
}

/** One thing to check by hand. */
export interface Check {
  readonly title: string
  readonly commands: string
  /** What they print when all is well; undefined where the page already says that it is not. */
  readonly prints: string | undefined
}

/** To be run in this order in one directory; each uses the files of those before it. */
export function platformChecks(view: TrustView, { console, machine }: Addresses): Check[] {
  const { root, server, people, ledger } = view
  const connect = `openssl s_client -connect ${quoted(endpoint(machine))} -CAfile root.pem \\\n  -verify_return_error`
  return [
    {
      title: 'Fetch the root, and print its fingerprint',
      commands: `${fetch(console, 'root.pem', 'root.pem')}\n${describe('root.pem')}`,
      prints: described(root),
    },
    {
      title: 'The root signed both CAs',
      commands: [
        fetch(console, 'server-ca.pem', 'server-ca.pem'),
        fetch(console, 'people-ca.pem', 'people-ca.pem'),
        'openssl verify -CAfile root.pem server-ca.pem people-ca.pem',
      ].join('\n'),
      prints: isSound(root, server, people) ? 'server-ca.pem: OK\npeople-ca.pem: OK' : undefined,
    },
    {
      title: 'The listener for devices shows a chain that ends in the root',
      commands: `${connect} </dev/null 2>/dev/null | grep '^Verify return code'`,
      prints: isSound(root, server) ? 'Verify return code: 0 (ok)' : undefined,
    },
    {
      title: 'The CA in that chain is the server CA of this page',
      commands: [
        `${connect} -showcerts </dev/null 2>/dev/null |`,
        "  awk '/BEGIN CERT/ {n++} n == 2' |",
        '  openssl x509 -noout -serial -fingerprint -sha256',
      ].join('\n'),
      prints: isSound(root, server) ? described(server) : undefined,
    },
    {
      title: "The head of the platform's ledger",
      commands: checkpoint(machine, 'platform'),
      prints: isSound(root, server) && !ledger.mismatch ? ledger.checkpoint : undefined,
    },
  ]
}

/** To be run where `root.pem` is. */
export function fleetChecks(view: TrustView, trust: FleetTrust, { console, machine }: Addresses): Check[] {
  const { fleet, authority, charter, ledger } = trust
  const [file, statement] = [`fleet-${fleet}.pem`, `fleet-${fleet}.charter`]
  return [
    {
      title: 'The root signed the CA of this fleet',
      commands: `${fetch(console, `fleets/${fleet}.pem`, file)}\nopenssl verify -CAfile root.pem ${file}\n${describe(file)}`,
      prints: isSound(view.root, authority) ? `${file}: OK\n${described(authority)}` : undefined,
    },
    {
      title: 'The charter has this digest',
      commands: `${fetch(console, `fleets/${fleet}.charter`, statement)}\nopenssl dgst -sha256 -r ${statement}`,
      prints: `${charter.sha256} *${statement}`,
    },
    {
      title: 'The head of its ledger',
      commands: checkpoint(machine, fleet),
      prints: isSound(view.root, view.server) && !ledger.mismatch ? ledger.checkpoint : undefined,
    },
  ]
}

const isSound = <T extends CertificateView>(...views: readonly (T | null)[]): boolean =>
  views.every(view => view !== null && !view.mismatch && view.validity === 'valid')

const fetch = (origin: string, path: string, file: string): string =>
  `curl -fsS ${quoted(`${origin}/trust/${path}`)} -o ${file}`

const checkpoint = (machine: string, ledger: string): string =>
  `curl -fsS --cacert root.pem ${quoted(`${machine}/log/${ledger}/checkpoint`)}`

const describe = (file: string): string => `openssl x509 -in ${file} -noout -serial -fingerprint -sha256`

/** As openssl prints it. */
const described = (view: CertificateView | null): string =>
  view === null
    ? ''
    : `serial=${view.serial.toUpperCase()}\nsha256 Fingerprint=${view.sha256.toUpperCase().match(/../g)!.join(':')}`

/** Host and port, as `-connect` takes them. */
function endpoint(url: string): string {
  const { hostname, port } = new URL(url)
  return `${hostname}:${port || '443'}`
}

/** For a shell: nothing in an address may become a command. */
const quoted = (text: string): string => (/^[\w:/.-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`)
