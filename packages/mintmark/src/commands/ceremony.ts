import { existsSync, readFileSync } from 'node:fs'
import { base64url, readBase64url } from '@mintmark/core/bytes'
import { describeRequest, digestWords, readCeremonyRequest } from '@mintmark/core/ceremony'
import { Refused } from '@mintmark/core/errors'
import { readDomain } from '@mintmark/core/names'
import { nodeVerify, randomBytes, writeFileDurably } from '@mintmark/elements'
import type { Command } from 'commander'
import { type AsOperator, asOperator } from '../operator.ts'
import { databaseOption, dataOption, example, helpGroups, jsonOption, operatorOption } from '../options.ts'
import { print, shown } from '../print.ts'
import { fieldsOf } from '../reply.ts'

/** `ceremony request`, `ceremony merge`, `ceremony status`: the online side of what the offline root signs. */
export function registerCeremony(program: Command): void {
  const ceremony = program
    .command('ceremony')
    .helpGroup(helpGroups.operator)
    .description('ask the offline root to sign, and merge what it signed')
  example(ceremony, 'mintmark ceremony request --out request.json')

  const request = ceremony
    .command('request')
    .description('write what waits for the offline root; on a new data directory, its founding')
    .requiredOption('--out <file>', 'where to write the request; never replaces a file')
    .option('--domain <domain>', 'domain of a platform that is being founded', readDomain)
    .addOption(dataOption())
    .addOption(operatorOption())
    .addOption(databaseOption())
    .addOption(jsonOption())
    .action(writeRequest)
  example(
    request,
    'mintmark ceremony request --domain example.com --out request.json',
    'mintmark-ceremony answer request.json --keys KEYS --out answer.json',
  )

  const merge = ceremony
    .command('merge')
    .description('take in what the offline root signed')
    .argument('<answer>', 'the file that mintmark-ceremony answer wrote')
    .addOption(dataOption())
    .addOption(operatorOption())
    .addOption(databaseOption())
    .addOption(jsonOption())
    .action(mergeAnswer)
  example(merge, 'mintmark ceremony merge answer.json')

  const status = ceremony
    .command('status')
    .description('show what waits for the offline root')
    .addOption(dataOption())
    .addOption(operatorOption())
    .addOption(databaseOption())
    .addOption(jsonOption())
    .action(showStatus)
  example(status, 'mintmark ceremony status')
}

interface Options extends AsOperator {
  readonly database?: string
  readonly domain?: string
  readonly out: string
}

async function writeRequest({ out, ...place }: Options, command: Command): Promise<void> {
  const bytes = await pendingRequest(place)
  if (bytes === undefined) throw new Refused('already-done', 'nothing waits for the offline root')
  if (existsSync(out)) throw new Refused('file-exists', out)
  writeFileDurably(out, bytes, { mode: 0o644, replace: false })
  const described = await describe(bytes)
  const text = [
    ...described.lines.map(line => `  ${line}`),
    `Written to ${out}. Its words, to compare at the air gap:`,
    `  ${described.words}`,
    `Next, there: mintmark-ceremony answer ${out} --keys KEYS --out answer.json`,
  ]
  print(command, { json: { request: out, ...described }, text: text.join('\n') })
}

async function mergeAnswer(file: string, options: Options, command: Command): Promise<void> {
  const answer = readFileSync(file)
  if (options.operator === undefined && (await foundedWith(answer, options, command))) return
  const body = { answer: base64url(answer) }
  const merged = fieldsOf(await asOperator(options, async platform => (await platform.post('/v1/ceremony', body)).body))
  print(command, { json: merged, text: `Active now: ${shown(merged.activated)}` })
}

/** Where the platform of the data directory is not founded yet, the answer founds it. */
async function foundedWith(answer: Uint8Array, { data, database }: Options, command: Command): Promise<boolean> {
  const { domainOf, isFounded, mergeFounding } = await import('@mintmark/server')
  const domain = domainOf(data)
  if (domain === undefined) throw new Refused('data-missing', data)
  if (await isFounded(data, { database })) return false
  const root = await mergeFounding({ data, domain, database, now: Date.now, random: randomBytes }, answer)
  const { describeRoot } = await import('@mintmark/ceremony')
  const { title, development, fingerprint, words } = describeRoot(root)
  const text = [
    `The platform of ${domain} is founded on "${title}".`,
    ...(development ? ['This is a DEVELOPMENT root. Do not trust it with anything real.'] : []),
    `  SHA-256  ${fingerprint}`,
    `  words    ${words}`,
    'Compare them with what mintmark-ceremony keys show says at the air gap, before any device enrolls.',
    `Next: mintmark up --data ${data}`,
  ]
  print(command, {
    json: { founded: domain, root: { title, development, fingerprint, words } },
    text: text.join('\n'),
  })
  return true
}

async function showStatus(place: Place, command: Command): Promise<void> {
  const bytes = await pendingRequest(place)
  if (bytes === undefined) {
    print(command, { json: { waiting: [] }, text: 'Nothing waits for the offline root.' })
    return
  }
  const { lines } = await describe(bytes)
  print(command, {
    json: { waiting: lines },
    text: ['Waiting for the offline root:', ...lines.map(line => `  ${line}`)].join('\n'),
  })
}

interface Place extends AsOperator {
  readonly database?: string | undefined
  readonly domain?: string
}

/** From the running platform; before it is founded, from its data directory. */
async function pendingRequest(place: Place): Promise<Uint8Array | undefined> {
  if (place.operator !== undefined) return requestOf(place)
  const { data, database } = place
  const { domainOf, isFounded, prepareFounding } = await import('@mintmark/server')
  const domain = domainOf(data) ?? place.domain
  if (domain === undefined) {
    throw new Refused('data-missing', data, { hint: 'to found a platform there, name its domain with --domain' })
  }
  if (!(await isFounded(data, { database }))) {
    return prepareFounding({ data, domain, database, now: Date.now, random: randomBytes })
  }
  return requestOf(place)
}

async function requestOf(as: AsOperator): Promise<Uint8Array | undefined> {
  const { request } = fieldsOf(await asOperator(as, async platform => (await platform.get('/v1/ceremony')).body))
  return typeof request === 'string' ? readBase64url(request) : undefined
}

async function describe(bytes: Uint8Array): Promise<{ lines: string[]; words: string }> {
  return { lines: describeRequest(await readCeremonyRequest(bytes, nodeVerify)), words: digestWords(bytes) }
}
