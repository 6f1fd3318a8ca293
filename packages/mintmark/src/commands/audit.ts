import { existsSync } from 'node:fs'
import { utf8 } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import { factInWords, type Pinned, writeProofFile } from '@mintmark/core/evidence'
import { readFleetName } from '@mintmark/core/names'
import { writeFileDurably } from '@mintmark/elements'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { type EntryName, entryCells, entryHeads, entryPath, readAbout, readEntryName } from '../entries.ts'
import { Told } from '../failure.ts'
import { type AsOperator, asOperator } from '../operator.ts'
import { databaseOption, dataOption, example, helpGroups, jsonOption, operatorOption } from '../options.ts'
import { readPages } from '../pages.ts'
import { isJson, lines, moment, print, printable, shown } from '../print.ts'
import { fetchProof, ledgerKeyOption, rootOption, verifyProofFile } from '../proof.ts'
import { type Fields, fieldsOf } from '../reply.ts'
import { printStream } from '../stream.ts'

/** `audit list`, `audit show`, `audit prove`, `audit verify` */
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

  const verify = audit
    .command('verify')
    .description('check a proof file, or replay all ledgers of a data directory and compare its tables; reads only')
    .argument('[file]', 'a file of audit prove; without it the data directory')
    .addOption(rootOption())
    .addOption(ledgerKeyOption())
    .addOption(dataOption())
    .addOption(databaseOption())
    .addOption(jsonOption())
    .action(verifyWhat)
  example(verify, 'mintmark audit verify --data ./mintmark-data', 'mintmark audit verify proof.json --root "$ROOT"')
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
    lines(Object.entries(fieldsOf(found.body)).map(([field, value]) => [shown(field), fieldText(field, value)])),
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

interface VerifyOptions extends Pinned {
  readonly data: string
  readonly database?: string
}

async function verifyWhat(file: string | undefined, options: VerifyOptions, command: Command): Promise<void> {
  if (file === undefined) return verifyLedgers(options, command)
  if (options.root === undefined && options.ledgerKey === undefined) {
    command.error("error: name the root with --root, or the key of the platform's own ledger with --ledger-key")
  }
  print(command, await verifyProofFile(file, options))
}

async function verifyLedgers({ data, database }: VerifyOptions, command: Command): Promise<void> {
  const { auditData } = await import('@mintmark/server')
  const report = await auditData(data, { database, progress: progressOf(command) })
  if (!report.ok) {
    print(command, {
      json: report,
      text: `NOT WHOLE after ${report.entries} entries.\n  ${report.where}: ${report.why}`,
    })
    throw new Told(1)
  }
  const ledgers = report.ledgers.map(({ ledger, size, root }) => `  ${ledger}: ${size} entries, root ${root}`)
  const text = ['Whole: every entry, tree, checkpoint and table agrees.', ...ledgers].join('\n')
  print(command, { json: report, text })
}

/** Counts along on a terminal. */
function progressOf(command: Command): ((entries: number) => void) | undefined {
  if (!process.stderr.isTTY || isJson(command)) return undefined
  return entries => process.stderr.write(`\r${entries} entries`)
}
