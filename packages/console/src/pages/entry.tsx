import { read, readFile } from '../api/call.ts'
import type { Entry } from '../api/shapes.ts'
import { Copy } from '../parts/copy.tsx'
import { useDeed } from '../parts/deed.ts'
import { tell } from '../parts/live.tsx'
import { Refused } from '../parts/refused.tsx'
import { save } from '../parts/save.ts'
import { Foreign, Heading, Id, Moment } from '../parts/text.tsx'
import { Who } from '../parts/who.tsx'
import { to } from '../place/address.ts'
import { type Page, page } from '../place/page.ts'
import { factWords } from '../words/facts.ts'
import { Trail } from './fleet-top.tsx'

interface FullEntry extends Entry {
  /** base64 */
  readonly entry: string
  readonly leafHash: string
}

const loadFrom = (ledger: string, index: string, signal: AbortSignal): Promise<FullEntry> =>
  read<FullEntry>(`/v1/audit/${encodeURIComponent(ledger)}/${encodeURIComponent(index)}`, signal)

export const fleetEntry: Page<unknown> = page<FullEntry>({
  pattern: 'fleets/:fleet/ledger/:index',
  load: ({ names }, signal) => loadFrom(names.fleet!, names.index!, signal),
  title: ({ index }, { names }) => `Entry ${index} of ${names.fleet}`,
  View: ({ data }) => <OneEntry entry={data} />,
})

export const platformEntry: Page<unknown> = page<FullEntry>({
  pattern: 'ledger/:index',
  load: ({ names }, signal) => loadFrom('platform', names.index!, signal),
  title: ({ index }) => `Entry ${index} of the platform`,
  View: ({ data }) => <OneEntry entry={data} />,
})

const OneEntry = ({ entry }: { readonly entry: FullEntry }) => {
  const { ledger, index, kind, at, by, about, body } = entry
  const { what } = factWords(entry)
  const isPlatform = ledger === 'platform'
  const whole = isPlatform ? to(['ledger']) : to(['fleets', ledger, 'ledger'])
  const proof = useDeed(async () => {
    const file = await readFile(`/v1/audit/${encodeURIComponent(ledger)}/${index}/proof`)
    save(file, `${ledger}-${index}.proof.json`)
    tell('The proof is a file now. mintmark audit verify checks it, without this platform.')
  })
  return (
    <>
      <Trail>
        {isPlatform ? <a href={whole}>Platform ledger</a> : <a href={to(['fleets', ledger])}>{ledger}</a>}
        {!isPlatform && <a href={whole}>Ledger</a>}
      </Trail>
      <div class="top">
        <Heading>
          {what} <span class="quiet">no. {index}</span>
        </Heading>
        <button type="button" class="button" onClick={proof.run} aria-disabled={proof.isRunning}>
          Download proof
        </button>
      </div>
      <Refused refusal={proof.refusal} />
      <section class="card" aria-label="The entry">
        <dl>
          <Fact name="Kind">
            <code>{kind}</code>
          </Fact>
          <Fact name="When">
            <Moment at={at} /> UTC
          </Fact>
          <Fact name="By">
            <Who who={by} fleet={ledger} />
          </Fact>
          <Fact name="About">
            <Who who={about} fleet={ledger} />
          </Fact>
          {Object.entries(body).map(([name, value]) => (
            <Fact key={name} name={name} isField>
              <Value name={name} value={typeof value === 'object' ? value.join(', ') : value} />
            </Fact>
          ))}
        </dl>
      </section>
      <section class="card" aria-labelledby="bytes">
        <h2 id="bytes">As it is in the ledger</h2>
        <dl>
          <Fact name="Leaf hash">
            <span class="with-copy">
              <Id>{entry.leafHash}</Id>
              <Copy text={entry.leafHash} what="leaf hash" />
            </span>
          </Fact>
          <Fact name="Bytes (base64)">
            <span class="with-copy">
              <Id>{entry.entry}</Id>
              <Copy text={entry.entry} what="bytes" />
            </span>
          </Fact>
        </dl>
      </section>
    </>
  )
}

const Fact = ({
  name,
  isField = false,
  children,
}: {
  readonly name: string
  readonly isField?: boolean
  readonly children: preact.ComponentChildren
}) => (
  <div>
    <dt>{isField ? <code>{name}</code> : name}</dt>
    <dd>{children}</dd>
  </div>
)

/** A field as it is; times also as people read them. */
const Value = ({ name, value }: { readonly name: string; readonly value: string | number | boolean }) => {
  if (typeof value === 'boolean') return <>{value ? 'yes' : 'no'}</>
  if (typeof value === 'number') {
    if (name !== 'expires' && name !== 'notAfter') return <>{value}</>
    return (
      <>
        <Moment at={new Date(value).toISOString()} /> UTC <span class="quiet">({value})</span>
      </>
    )
  }
  if (/^[0-9a-f]{32,}$/.test(value) || name === 'token') return <Id>{value}</Id>
  return <Foreign>{value}</Foreign>
}
