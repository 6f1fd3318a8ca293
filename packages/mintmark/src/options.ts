import { Refused } from '@mintmark/core/errors'
import type { KeyAlgorithm } from '@mintmark/core/keys'
import { readFleetName, readName } from '@mintmark/core/names'
import { readReason, readTtl, readUses } from '@mintmark/core/rules'
import { type Command, InvalidArgumentError, Option } from 'commander'

// Options that several commands have. What is not of the right form at all is wrong use; what is of the form and not
// acceptable is refused with the code that the platform would give.

export const jsonOption = () => new Option('--json', 'print one JSON document')

export const dataOption = () =>
  new Option('--data <dir>', 'data directory of the platform').env('MINTMARK_DATA').default('./mintmark-data')

export const databaseOption = () =>
  new Option(
    '--database <url>',
    'PostgreSQL database, postgres://user@host/name; remembered by a new data directory (default: SQLite in it)',
  ).env('MINTMARK_DATABASE')

/** Of every command that an operator gives. */
export const operatorOption = () =>
  new Option('--operator <dir>', "home of the operator to act as, instead of the platform's own").env(
    'MINTMARK_OPERATOR',
  )

export const homeOption = (whose = 'the device, or of an operator') =>
  new Option('--home <dir>', `home of ${whose}`).env('MINTMARK_HOME').default('./mintmark-home')

export const fleetOption = () =>
  new Option('--fleet <fleet>', 'name of the fleet').argParser(readFleetName).makeOptionMandatory()

export const reasonOption = () =>
  new Option('--reason <text>', 'why; it goes on the ledger').argParser(readReason).makeOptionMandatory()

/** Why, where the ledger can do without. */
export const whyOption = () => new Option('--reason <text>', 'why; it goes on the ledger').argParser(readReason)
export const labelOption = (description: string) => new Option('--label <key=value>', description)

const algorithms: Readonly<Record<string, KeyAlgorithm>> = { ed25519: 'Ed25519', p256: 'P-256' }

/** @param otherwise what kind it is where nothing is said */
export const keyOption = (otherwise: string) =>
  new Option('--key <kind>', `kind of key; ${otherwise} where nothing is said`).choices(Object.keys(algorithms))

export const readAlgorithm = (kind: string | undefined): KeyAlgorithm | undefined =>
  kind === undefined ? undefined : algorithms[kind]

/** Where a command stands in the help of all. */
export const helpGroups = { operator: 'Where the platform runs:', device: 'On a device:' } as const

/** Ends the help of a command with how it is used. */
export const example = (command: Command, ...commandLines: readonly string[]): Command =>
  command.addHelpText('after', `\nExample:\n${commandLines.map(line => `  $ ${line}`).join('\n')}`)

export interface DeviceName {
  readonly fleet: string
  readonly name: string
}

/** `acme/device-104` */
export function readDeviceName(text: string): DeviceName {
  const [fleet = '', name = '', ...rest] = text.split('/')
  if (fleet === '' || name === '' || rest.length > 0) throw new InvalidArgumentError('Say <fleet>/<device>.')
  return { fleet: readFleetName(fleet), name: readName(name) }
}

/** The path of one device in the API. */
export const devicePath = ({ fleet, name }: DeviceName): string => `/v1/fleets/${fleet}/devices/${name}`

const unit: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** `90s`, `15m`, `1h`, `7d`, in milliseconds. A number alone is refused: half of all tools would take it for seconds. */
export function readDuration(text: string): number {
  if (/^-?\d+$/.test(text)) {
    throw new Refused('bad-number', 'a time without a unit', { hint: `say ${text}s, ${text}m, ${text}h or ${text}d` })
  }
  const [, count, name] = /^(\d+)([smhd])$/.exec(text) ?? []
  if (count === undefined || name === undefined)
    throw new InvalidArgumentError('Say a time such as 90s, 15m, 1h or 7d.')
  return Number(count) * unit[name]!
}

export const readTokenLife = (text: string): number => readTtl(readDuration(text))

/** A whole number from 0 on. */
export function readIndex(text: string): number {
  if (!/^(?:0|[1-9][0-9]{0,14})$/.test(text)) throw new InvalidArgumentError('Say a whole number.')
  return Number(text)
}

export function readCount(text: string): number {
  if (!/^-?\d+$/.test(text)) throw new InvalidArgumentError('Say a whole number.')
  return readUses(Number(text))
}
