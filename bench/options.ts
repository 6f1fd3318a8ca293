import { parseArgs } from 'node:util'

/** What was asked for on the command line. */
export interface Options {
  readonly rounds: number
  /** Of the registry that is measured. */
  readonly devices: number
  /** Where registries are made and kept; a temporary directory, removed afterwards, where it is not said. */
  readonly data: string | undefined
  readonly connections: number
  readonly revocations: number
  /** Beside SQLite, on a PostgreSQL server that is started for it. */
  readonly postgres: boolean
  /** So many messages, and nothing else, to see that memory stays flat. */
  readonly soak: number | undefined
  /** One that runs, to be measured too. */
  readonly stepCa: StepCaPlace | undefined
}

export interface StepCaPlace {
  readonly url: URL
  /** Its root certificate, a PEM file. */
  readonly root: string
  /** The name of a JWK provisioner, and the file of its private key, a JWK. */
  readonly provisioner: string
  readonly provisionerKey: string
}

/** The command line makes no sense, or needs what is not there: exit code 2. */
export class WrongUse extends Error {
  readonly hint: string

  constructor(message: string, hint: string) {
    super(message)
    this.hint = hint
  }
}

const help = 'npm run bench -- --help'

/** The names of benchmarks, and their options. @throws WrongUse */
export function readOptions(args: readonly string[]): { wanted: readonly string[]; isHelp: boolean; options: Options } {
  const { positionals, values } = parse(args)
  return {
    wanted: positionals,
    isHelp: values.help,
    options: {
      rounds: readCount('rounds', values.rounds, 1),
      devices: readCount('devices', values.devices, 1_000),
      data: values.data,
      connections: readCount('connections', values.connections, 10),
      revocations: readCount('revocations', values.revocations, 1),
      postgres: values.postgres,
      soak: values.soak === undefined ? undefined : readCount('soak', values.soak, 10),
      stepCa: readStepCa(values),
    },
  }
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        help: { type: 'boolean', default: false },
        rounds: { type: 'string', default: process.env.BENCH_ROUNDS ?? '3' },
        devices: { type: 'string', default: '1000000' },
        data: { type: 'string' },
        connections: { type: 'string', default: '5000' },
        revocations: { type: 'string', default: '200' },
        postgres: { type: 'boolean', default: false },
        soak: { type: 'string' },
        'step-ca': { type: 'string' },
        'step-ca-root': { type: 'string' },
        provisioner: { type: 'string' },
        'provisioner-key': { type: 'string' },
      },
    })
  } catch (cause) {
    throw new WrongUse((cause as Error).message, help)
  }
}

function readCount(name: string, text: string, least: number): number {
  const count = Number(text)
  if (/^\d+$/.test(text) && Number.isSafeInteger(count) && count >= least) return count
  throw new WrongUse(`--${name} is a whole number, at least ${least}`, help)
}

function readStepCa(values: Readonly<Record<string, unknown>>): StepCaPlace | undefined {
  const names = ['step-ca', 'step-ca-root', 'provisioner', 'provisioner-key']
  const given = names.map(name => values[name]).filter(value => typeof value === 'string')
  if (given.length === 0) return undefined
  if (given.length < names.length) throw new WrongUse(`--${names.join(', --')} go together`, 'see bench/README.md')
  const [text, root, provisioner, provisionerKey] = given as [string, string, string, string]
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url?.protocol !== 'https:') throw new WrongUse('--step-ca is https://host:port', help)
  return { url, root, provisioner, provisionerKey }
}
