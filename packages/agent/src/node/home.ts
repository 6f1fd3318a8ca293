import { statSync } from 'node:fs'
import { join } from 'node:path'
import { Refused } from '@mintmark/core/errors'
import { admitRaw, type Key } from '@mintmark/core/keys'
import { readCertificate, readCharter } from '@mintmark/core/signed'
import { type Home, homeState, type ProvenFetch, provenFetch, openHome as read, readHome } from '@mintmark/device'
import { nodeVerify } from '@mintmark/elements'
import type { LedgerName } from '../platform/recording.ts'
import { HttpTrustRegistry } from '../registry/http.ts'
import type { Fetch } from '../registry/http-platform.ts'

/** What an enrolled home is to an agent: `Agent.create(await openHome(directory))`. */
export interface AgentHome {
  /** The key of the certificate. It signs for as long as it is the home's. */
  readonly key: Key
  /** `https://host[:port]` of the platform. */
  readonly url: string
  /** Asks the platform as whoever lives here, over connections that prove it; also after the certificate was renewed. */
  readonly fetch: Fetch
  /** Who the platform knows. It needs the scope `registry:read`. */
  readonly registry: HttpTrustRegistry
  /** The ledger of the fleet, by the charter that the root signed; undefined in an operator's home. */
  readonly ledger: LedgerName | undefined
  /** The did:web of whoever lives here, which stays when the key changes. */
  readonly audiences: readonly string[]
  /** Ends its connections; no revocation waits for it any more when this resolves. */
  close(): Promise<void>
}

/**
 * Opens the home that `mintmark enroll` made. Whoever keeps it (`mintmark daemon`) may renew the certificate meanwhile;
 * where it gets another key, what was opened signs no more, and is to be opened again.
 * @throws Refused `home-missing`, `home-retired`, `home-damaged`
 */
export async function openHome(directory: string, now: () => number = Date.now): Promise<AgentHome> {
  const home = await read(directory, now)
  const line = new Line(directory, home, now)
  const fetch: Fetch = (url, init) => line.fetch(url, init)
  const registry = new HttpTrustRegistry({ url: home.url, fetch, now })
  return {
    key: { publicKey: home.key.publicKey, sign: message => line.ours().key.sign(message) },
    url: home.url,
    fetch,
    registry,
    ledger: await ledgerOf(home),
    audiences: home.role === 'device' ? [webDidOf(home)] : [],
    async close() {
      await registry.close()
      line.close()
    },
  }
}

async function ledgerOf({ anchor, charter }: Home): Promise<LedgerName | undefined> {
  if (!charter) return undefined
  const { fleet, domain, ledgerKey } = await readCharter(charter, readCertificate(anchor).publicKey, nodeVerify)
  return { origin: `${fleet}.${domain}/ledger`, publicKey: admitRaw('Ed25519', ledgerKey) }
}

/** The way to the platform, by what the home has now. */
class Line {
  readonly #directory: string
  readonly #did: string
  readonly #now: () => number
  #home: Home
  #stamp: string
  #way: ProvenFetch
  /** What is under way on those before goes on; they end when they are idle. */
  readonly #before: ProvenFetch[] = []

  constructor(directory: string, home: Home, now: () => number) {
    this.#directory = directory
    this.#did = home.did
    this.#now = now
    this.#home = home
    this.#stamp = stampOf(directory)
    this.#way = this.#open(home)
  }

  async fetch(url: string, init: RequestInit): Promise<Response> {
    this.#look()
    return this.#way.fetch(url, init)
  }

  /** @throws Refused `key-superseded`, `home-retired` where the home has no use for the key any more */
  ours(): Home {
    this.#look()
    if (this.#home.did === this.#did) return this.#home
    throw new Refused('key-superseded', this.#directory, { hint: 'open the home again: it has another key now' })
  }

  close(): void {
    for (const way of [...this.#before, this.#way]) way.close()
  }

  #look(): void {
    if (homeState(this.#directory) === 'retired') throw new Refused('home-retired', this.#directory)
    const stamp = stampOf(this.#directory)
    if (stamp === this.#stamp) return
    this.#home = readHome(this.#directory)
    this.#stamp = stamp
    this.#before.push(this.#way)
    this.#way = this.#open(this.#home)
  }

  #open({ url, anchor, certificate, keyFile }: Home): ProvenFetch {
    return provenFetch({ url, anchor, identity: { certificate, key: keyFile }, now: this.#now })
  }
}

/** Of the files that a renewal replaces; each is written anew under its name. */
const stampOf = (directory: string): string =>
  ['cert.pem', 'home.json']
    .map(name => {
      const found = statSync(join(directory, name), { throwIfNoEntry: false })
      return found && `${found.ino} ${found.mtimeMs} ${found.size}`
    })
    .join()

/** Of whoever is named by `spiffe://acme.example.test/device/hub-1`. */
function webDidOf({ identity, fleet, name }: Home): string {
  const domain = identity.slice(`spiffe://${fleet}.`.length).split('/')[0]
  return `did:web:${domain}:fleets:${fleet}:devices:${name}`
}
