import { may } from '../api/grants.ts'
import { to } from '../place/address.ts'
import { readRegistryPath, short } from '../words/names.ts'
import { Foreign } from './text.tsx'

/** Someone or something that a fact names, as a link where there is a page about it. */
export const Who = ({ who, fleet }: { readonly who: string | null; readonly fleet?: string | undefined }) => {
  if (who === null || who === '') return <span class="quiet">–</span>
  const named = readRegistryPath(who)
  if (named?.role === 'device') {
    return (
      <a href={to(['fleets', named.fleet, 'devices', named.name])}>
        <Foreign>{named.name}</Foreign>
      </a>
    )
  }
  if (named?.role === 'operator') {
    return (
      <a href={to(['operators', named.name])}>
        <Foreign>{named.name}</Foreign>
      </a>
    )
  }
  if (named) {
    return (
      <span>
        <span class="quiet">{named.role}</span> <Foreign>{named.name}</Foreign>
      </span>
    )
  }
  const token = who.startsWith('token:') ? who.slice('token:'.length) : /^[\w-]{22}$/.test(who) ? who : undefined
  if (token === undefined) return <Foreign>{who}</Foreign>
  const words = (
    <>
      <span class="quiet">token</span>{' '}
      <code class="short" title={token}>
        {short(token)}
      </code>
    </>
  )
  return fleet === undefined || fleet === 'platform' || !may('audit', fleet) ? (
    <span>{words}</span>
  ) : (
    <a href={to(['fleets', fleet, 'ledger'], { about: token })}>{words}</a>
  )
}
