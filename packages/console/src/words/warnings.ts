import type { Warning } from '../api/shapes.ts'
import { grouped } from './number.ts'

/** Whether something is broken or stolen, or is soon; the rest can wait until somebody looks. */
export const isUrgent = (warning: Warning): boolean =>
  warning.kind === 'mismatch' || warning.kind === 'superseded-key' || (warning.kind === 'ends' && warning.within <= 7)

/** `3 things to look at, 1 of them urgent` */
export function summary(warnings: readonly Warning[], more: boolean): string {
  const urgent = warnings.filter(isUrgent).length
  const [all, many] = [warnings.length, more ? 'more than ' : '']
  const things = `${many}${grouped(all)} ${all === 1 && !more ? 'thing' : 'things'} to look at`
  const some =
    urgent === 0 ? '' : urgent === all ? (all === 1 ? ', urgent' : ', all urgent') : `, ${grouped(urgent)} urgent`
  return `${things[0]!.toUpperCase()}${things.slice(1)}${some}`
}

/** What happened; who it was stands beside it, with a link. */
export function saysWords(warning: Warning): string {
  const begin = 'who' in warning ? `${warning.who} was ` : ''
  const rest = warning.says.startsWith(begin) ? warning.says.slice(begin.length) : warning.says
  return `${rest[0]?.toUpperCase() ?? ''}${rest.slice(1)}`
}

/** The Trust Center's place of a CA, a charter or a ledger. */
export function trustPlace(fleet: string | null, part: string): string {
  if (fleet !== null) return `/trust#fleet-${fleet}${part === 'authority' || part === 'fleet' ? '-ca' : `-${part}`}`
  return `/trust#${part === 'server' || part === 'people' ? `${part}-ca` : part}`
}
