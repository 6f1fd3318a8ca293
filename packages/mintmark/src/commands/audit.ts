import { existsSync } from 'node:fs'
import { utf8 } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import { factInWords, writeProofFile } from '@mintmark/core/evidence'
import { readFleetName } from '@mintmark/core/names'
import type { Connection } from '@mintmark/device'
import { writeFileDurably } from '@mintmark/elements'
import { type Command, InvalidArgumentError, Option } from 'commander'
import {
  type EntryName,
  entryCells,
  entryHeads,
  entryPath,
  messageLines,
  readAbout,
  readEntryName,
} from '../entries.ts'
import { type Exported, exportLedger, exportRoot } from '../export.ts'
import { type AsOperator, asOperator } from '../operator.ts'
import { databaseOption, dataOption, example, helpGroups, jsonOption, operatorOption } from '../options.ts'
import { readPages } from '../pages.ts'
import { counted, lines, moment, print, printable, shown } from '../print.ts'
import { fetchProof, ledgerKeyOption, rootOption } from '../proof.ts'
import { type Fields, fieldsOf, listOf } from '../reply.ts'
import { printStream } from '../stream.ts'
import { verifyWhat } from '../verify.ts'

/** `audit list`, `audit show`, `audit prove`, `audit export`, `audit verify` */
export function registerAudit(program: Command): void {
  const audit = program.command('audit').helpGroup(helpGroups.operator).description('read and check the ledgers')
  example(audit, 'mintmark audit list --ledger acme')

  const list = audit
    .command('list')
    .description('list what happened, newest first')
    .addOption(ledgerOption().makeOptionMandatory())
    .option('--about <whom>', 'only about this device (acme/device-104), identity or token', readAbout)
    .option('--kind <kind>', 'only facts of this kind, such as identity.revoked')
    .addOption(new Option('--limit <count>', 'how many at most').argParser(readLimit).default(50))
    .addOption(dataOption())
    .addOption(operatorOption())
    .addOption(jsonOption())
    .action(listEntries)
  example(
    list,
    'mintmark audit list --ledger acme --about acme/device-104',
    'mintmark audit list --ledger acme --kind identity.revoked',
  )

  const show = audit
    .command('show')
    .description('show one entry in full')
    .argument('<ledger/index>', 'the entry, from audit list', readEntryName)
    .addOption(dataOption())
    .addOption(operatorOption())
    .addOption(jsonOption())
    .action(showEntry)
  example(show, 'mintmark audit show acme/17')

  const prove = audit
    .command('prove')
    .description('write one file that proves an entry to anyone who has the root, without the platform')
    .argument('<ledger/index>', 'the entry, from audit list', readEntryName)
    .option('--out <file>', 'where to write it; without it, to standard output')
    .addOption(dataOption())
    .addOption(operatorOption())
    .addOption(jsonOption())
    .action(proveEntry)
  example(prove, 'mintmark audit prove acme/17 --out proof.json')

  const exporting = audit
    .command('export')
    .description('copy whole ledgers into files that can be checked without the platform; goes on where it was')
    .requiredOption('--out <dir>', 'directory of the export; may hold an earlier one')
    .addOption(ledgerOption())
    .addOption(dataOption())
    .addOption(operatorOption())
    .addOption(jsonOption())
    .action(exportLedgers)
  example(exporting, 'mintmark audit export --out ./export', 'mintmark audit export --out ./export --ledger acme')

  const verify = audit
    .command('verify')
    .description('check a proof file, an export, or all ledgers and tables of a data directory; reads only')
    .argument('[path]', 'a file of audit prove or a directory of audit export; without it the data directory')
    .option('--body <file>', 'what a recorded message had in it, to be held against the proof: the message or its body')
    .addOption(rootOption())
    .addOption(ledgerKeyOption())
    .option(
      '--against <path>',
      'an earlier export, checkpoint or receipt, which must be a part of it; may be given again',
      (path: string, before: readonly string[] = []) => [...before, path],
    )
    .addOption(ledgerOption())
    .addOption(dataOption())
    .addOption(databaseOption())
    .addOption(jsonOption())
    .action(verifyWhat)
  example(
    verify,
    'mintmark audit verify --data ./mintmark-data',
    'mintmark audit verify proof.json --root "$ROOT"',
    'mintmark audit verify ./export --ledger acme --root "$ROOT" --against ./export-of-may',
  )
}

const ledgerOption = () =>
  new Option('--ledger <ledger>', 'name of a fleet, or platform').argParser((text: string) =>
    text === 'platform' ? text : readFleetName(text),
  )

function readLimit(text: string): number {
  if (!/^[1-9][0-9]{0,14}$/.test(text)) throw new InvalidArgumentError('Say a whole number from 1 on.')
  return Number(text)
}

interface ListOptions extends AsOperator {
  readonly ledger: string
  readonly about?: string
  readonly kind?: string
  readonly limit: number
}

const pageSize = 200

async function listEntries(options: ListOptions, command: Command): Promise<void> {
  const { ledger, about, kind, limit } = options
  const query = new URLSearchParams({ limit: String(Math.min(limit, pageSize)) })
  if (about !== undefined) query.set('about', about)
  if (kind !== undefined) query.set('kind', kind)
  const pages = { path: `/v1/audit/${ledger}?${query}`, name: 'entries', cursor: 'before' } as const
  const listing = { name: 'entries', json: { ledger }, heads: entryHeads, cells: entryCells, none: 'No such entries.' }
  await asOperator(options, platform => printStream(command, listing, first(limit, readPages(platform, pages))))
}

/** Pages up to so many things in all. */
async function* first(most: number, pages: AsyncIterable<Fields[]>): AsyncGenerator<Fields[]> {
  let left = most
  for await (const page of pages) {
    yield page.slice(0, left)
    left -= page.length
    if (left <= 0) return
  }
}

async function showEntry(name: EntryName, options: AsOperator, command: Command): Promise<void> {
  const found = fieldsOf(await asOperator(options, async platform => (await platform.get(entryPath(name))).body))
  const text = [
    `${shown(found.ledger)}/${shown(found.index)}  ${shown(found.kind)}`,
    lines([
      ['says', shown(found.says)],
      ['when', moment(found.at)],
      ['by', shown(found.by)],
      ['about', shown(found.about)],
      ['leaf hash', shown(found.leafHash)],
    ]),
    lines(
      found.message === undefined
        ? Object.entries(fieldsOf(found.body)).map(([field, value]) => [shown(field), fieldText(field, value)])
        : messageLines(fieldsOf(found.message)),
    ),
  ]
  print(command, { json: found, text: text.join('\n') })
}

const times = ['expires', 'notAfter']

function fieldText(field: string, value: unknown): string {
  if (times.includes(field) && typeof value === 'number') return moment(new Date(value).toISOString())
  const isLong = typeof value === 'string' && /^[0-9a-f]{129,}$/.test(value)
  return isLong ? `${value.length / 2} bytes (--json has them)` : shown(value)
}

interface ProveOptions extends AsOperator {
  readonly out?: string
}

async function proveEntry(name: EntryName, options: ProveOptions, command: Command): Promise<void> {
  const { out } = options
  if (out !== undefined && existsSync(out)) throw new Refused('file-exists', out)
  const { file, proven, root, verifierKey } = await asOperator(options, platform => fetchProof(platform, name))
  const text = writeProofFile(file)
  // The file is one JSON document by itself.
  if (out === undefined) return print(command, { json: JSON.parse(text), text: text.trimEnd() })
  writeFileDurably(out, utf8(text), { mode: 0o644, replace: false })
  const pin = name.ledger === 'platform' ? `--ledger-key ${verifierKey}` : `--root ${root}`
  const { origin, index, size } = proven
  print(command, {
    json: { proof: out, origin, index, size, root, ...(name.ledger === 'platform' ? { ledgerKey: verifierKey } : {}) },
    text: [
      `Written to ${out}: ${printable(factInWords(proven.fact))}`,
      'Whoever checks it takes what follows the last option from elsewhere, not from here:',
      `  mintmark audit verify ${out} ${pin}`,
    ].join('\n'),
  })
}

interface ExportOptions extends AsOperator {
  readonly out: string
  readonly ledger?: string
}

async function exportLedgers(options: ExportOptions, command: Command): Promise<void> {
  const { out, ledger } = options
  const { ledgers, hidden, root, ledgerKey } = await asOperator(options, async platform => {
    const root = await exportRoot(platform, out)
    const names = ledger === undefined ? await readableLedgers(platform) : [ledger]
    const ledgers: Exported[] = []
    let hidden = false
    for (const name of names) {
      const exported = await exportLedger(platform, out, name).catch((error: unknown) => {
        // Whoever may see some fleets only may not read the platform's own.
        if (ledger === undefined && name === 'platform' && isHidden(error)) return undefined
        throw error
      })
      if (exported) ledgers.push(exported)
      else hidden = true
    }
    const trust = fieldsOf((await platform.get('/v1/trust')).body)
    return { ledgers, hidden, root, ledgerKey: fieldsOf(trust.ledger).verifierKey }
  })
  const pins = [
    ...(ledgers.some(each => each.ledger !== 'platform') ? [`--root ${root}`] : []),
    ...(ledgers.some(each => each.ledger === 'platform') ? [`--ledger-key ${shown(ledgerKey)}`] : []),
  ]
  const text = [
    ...ledgers.map(
      ({ ledger, size, fetched }) =>
        `${ledger}: ${counted(size, 'entry', 'entries')}, ${counted(fetched, 'file', 'files')} fetched`,
    ),
    ...(hidden ? ["The platform's own ledger is not for you to read."] : []),
    'Whoever checks it takes what follows each option from elsewhere, not from here:',
    `  mintmark audit verify ${out} ${pins.join(' ')}`,
  ]
  print(command, { json: { export: out, ledgers, root, ledgerKey }, text: text.join('\n') })
}

/** Those of fleets that have one, and the platform's own. */
async function readableLedgers(platform: Connection): Promise<string[]> {
  const fleets = listOf((await platform.get('/v1/fleets')).body, 'fleets')
  const active = fleets.filter(({ state }) => state === 'active').map(({ fleet }) => readFleetName(String(fleet)))
  return ['platform', ...active]
}

const isHidden = (error: unknown): boolean =>
  error instanceof Refused && ['not-found', 'forbidden', 'fleet-unknown'].includes(error.code)
