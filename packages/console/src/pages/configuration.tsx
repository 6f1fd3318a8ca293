import { read } from '../api/call.ts'
import { may } from '../api/grants.ts'
import type { Configuration, ConfigurationFact } from '../api/shapes.ts'
import { page } from '../place/page.ts'
import { ConfigurationHistory } from './configuration-history.tsx'
import { ConfigurationTarget } from './configuration-target.tsx'
import { Editor } from './editor.tsx'
import { FleetTop } from './fleet-top.tsx'

interface Loaded {
  /** What holds for the target now. */
  readonly current: Configuration
  /** An earlier one, where the address names its version. */
  readonly earlier: Configuration | undefined
  readonly history: readonly ConfigurationFact[]
  readonly next: number | null
}

export const configuration = page<Loaded>({
  pattern: 'fleets/:fleet/config',
  load: async ({ names, query: { target = 'fleet', version, before } }, signal) => {
    const own = `/v1/fleets/${encodeURIComponent(names.fleet!)}/config`
    const asked = new URLSearchParams({ target })
    const page = new URLSearchParams(before ? { before } : {})
    const [current, earlier, { configurations, next }] = await Promise.all([
      read<Configuration>(`${own}?${asked}`, signal),
      version ? read<Configuration>(`${own}?${new URLSearchParams({ version })}`, signal) : undefined,
      read<{ configurations: ConfigurationFact[]; next: number | null }>(`${own}/history?${page}`, signal),
    ])
    return { current, earlier, history: configurations, next }
  },
  title: (_, { names }) => `Configuration of ${names.fleet}`,
  View: ({ data: { current, earlier, history, next }, here }) => {
    const fleet = here.names.fleet!
    return (
      <>
        <FleetTop fleet={fleet} tab="config" />
        <ConfigurationTarget here={here} target={current.target} known={history.map(({ target }) => target)} />
        <Editor
          key={`${current.target} ${earlier?.version}`}
          fleet={fleet}
          current={current}
          earlier={earlier}
          isReadOnly={!may('operate', fleet)}
        />
        <ConfigurationHistory here={here} facts={history} next={next} />
      </>
    )
  },
})
