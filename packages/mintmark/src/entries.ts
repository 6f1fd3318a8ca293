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

export const entryCells = ({ ledger, index, at, kind, about, by, body, message }: Fields): readonly string[] => [
  `${shown(ledger)}/${shown(index)}`,
  moment(at),
  shown(kind),
  shown(about),
  shown(by),
  message === undefined ? reasonOf(fieldsOf(body)) : purposeOf(fieldsOf(message)),
]

/** What a fact says of its own why, in one line. */
export function reasonOf({ reason, code, operation, count }: Fields): string {
  if (reason !== undefined) return shown(reason)
  if (code === undefined) return ''
  return `${shown(code)} at ${shown(operation)}${count === 1 ? '' : `, ${shown(count)} times`}`
}

/** What a message was for, and to whom, in one line. */
const purposeOf = ({ scope, to, onBehalfOf }: Fields): string =>
  `${shown(scope)} to ${shown(to)}${onBehalfOf === null ? '' : `, on behalf of ${shown(onBehalfOf)}`}`

/** What a recorded message says, line by line. */
export function messageLines(message: Fields): readonly (readonly [string, string])[] {
  const { from, did, to, audience, scope, issued, sequence, onBehalfOf, contentType, isSealed, digest } = message
  return [
    ['from', `${shown(from)}, by its key ${shown(did)}`],
    ['to', `${shown(to)}, as ${shown(audience)}`],
    ['scope', shown(scope)],
    sequence === null ? ['issued', `${shown(issued)}, by the sender's clock`] : ['number', shown(sequence)],
    ...(onBehalfOf === null ? [] : [['on behalf of', shown(onBehalfOf)] as const]),
    ['content', `${shown(contentType)}${isSealed === true ? ', sealed' : ''}; not kept, its digest is`],
    ['', shown(digest)],
  ]
}
