import { InvalidArgumentError } from 'commander'
import { moment, shown } from './print.ts'
import { type Fields, fieldsOf } from './reply.ts'

/** An entry of a ledger: `acme/17`. */
export interface EntryName {
  readonly ledger: string
  readonly index: number
}

export function readEntryName(text: string): EntryName {
  const [, ledger, index] = /^([a-z0-9-]+)\/(0|[1-9][0-9]{0,14})$/.exec(text) ?? []
  if (ledger === undefined) throw new InvalidArgumentError('Say <ledger>/<index>, such as acme/17.')
  return { ledger, index: Number(index) }
}

export const entryPath = ({ ledger, index }: EntryName): string => `/v1/audit/${ledger}/${index}`

/** What a fact is about, as people say it (`acme/device-104`) or as the registry does; a token by its id. */
export function readAbout(text: string): string {
  const [fleet, name, ...rest] = text.split('/')
  return name !== undefined && rest.length === 0 ? `${fleet}/device/${name}` : text
}

export const entryHeads = ['ENTRY', 'WHEN', 'WHAT', 'ABOUT', 'BY', 'WHY'] as const

export const entryCells = ({ ledger, index, at, kind, about, by, body }: Fields): readonly string[] => [
  `${shown(ledger)}/${shown(index)}`,
  moment(at),
  shown(kind),
  shown(about),
  shown(by),
  reasonOf(fieldsOf(body)),
]

/** What a fact says of its own why, in one line. */
export function reasonOf({ reason, code, operation, count }: Fields): string {
  if (reason !== undefined) return shown(reason)
  if (code === undefined) return ''
  return `${shown(code)} at ${shown(operation)}${count === 1 ? '' : `, ${shown(count)} times`}`
}
