import { readFileSync } from 'node:fs'
import { Refused } from '@mintmark/core/errors'
import {
  checkDisclosed,
  type Disclosed,
  factInWords,
  type MessageView,
  messageView,
  type Pinned,
  type Proven,
  proofFileOf,
  proveFact,
  readProofFile,
} from '@mintmark/core/evidence'
import { readVerifierKey } from '@mintmark/core/ledger'
import { isOfKind } from '@mintmark/core/rules'
import type { Connection } from '@mintmark/device'
import { nodeSha256, nodeVerify } from '@mintmark/elements'
import { InvalidArgumentError, Option } from 'commander'
import { type EntryName, entryPath, messageLines } from './entries.ts'
import { lines, type Outcome, printable } from './print.ts'
import { fieldsOf } from './reply.ts'

export const rootOption = () =>
  new Option('--root <sha256>', 'SHA-256 of the root certificate, known from elsewhere').argParser((text: string) => {
    if (!/^[0-9a-f]{64}$/.test(text)) throw new InvalidArgumentError('Say 64 hex digits in lower case.')
    return text
  })

export const ledgerKeyOption = () =>
  new Option('--ledger-key <key>', "key of the platform's own ledger, known from elsewhere").argParser(
    (text: string) => {
      try {
        return readVerifierKey(text)
      } catch {
        throw new InvalidArgumentError('Say a verifier key: <origin>+<key id>+<base64>.')
      }
    },
  )

/** The proof of an entry, checked against what the platform shows of itself before it is handed on. */
export async function fetchProof(platform: Connection, name: EntryName) {
  const file = proofFileOf((await platform.get(`${entryPath(name)}/proof`)).body)
  const trust = fieldsOf((await platform.get('/v1/trust')).body)
  const { sha256: root } = fieldsOf(trust.root)
  const { verifierKey } = fieldsOf(trust.ledger)
  if (typeof root !== 'string' || typeof verifierKey !== 'string') throw new Error('the platform shows no trust')
  const pinned = name.ledger === 'platform' ? { root, ledgerKey: readVerifierKey(verifierKey) } : { root }
  const proven = await proveFact(file, pinned, nodeVerify)
  if (proven.index !== name.index || proven.fact.ledger !== name.ledger) {
    throw new Refused('bad-proof', 'the platform proved another entry')
  }
  return { file, proven, root, verifierKey }
}

/** Checks a proof file without a platform. */
export async function verifyProofFile(path: string, options: Pinned & { readonly body?: string }): Promise<Outcome> {
  const proven = await proveFact(readProofFile(readFileSync(path)), options, nodeVerify)
  const { fact } = proven
  const disclosed = options.body === undefined ? undefined : readFileSync(options.body)
  if (!isOfKind(fact, 'message.accepted')) {
    if (disclosed) throw new Refused('body-refused', `a fact of the kind ${fact.kind} has no body`)
    return provenOutcome(proven, options)
  }
  const message = messageView(fact)
  const held = disclosed && checkDisclosed(fact, disclosed, nodeSha256)
  return provenOutcome(proven, options, { message, held })
}

/** What was proven, by what, and what was not. */
function provenOutcome(
  { fact, origin, index, size, charter }: Proven,
  { root }: Pinned,
  recorded?: { readonly message: MessageView; readonly held: Disclosed | undefined },
): Outcome {
  const at = new Date(fact.at).toISOString()
  const says = factInWords(fact)
  const signedBy = charter
    ? `the ledger key in the charter of ${charter.fleet} (version ${charter.version}, issued ${new Date(charter.issued).toISOString()})`
    : 'the ledger key that you named'
  const facts = lines([
    ['ledger', `${origin}, entry ${index} of ${size}`],
    ['when', `${at}, by the platform's clock`],
    ['by', printable(fact.by)],
    ['signed by', signedBy],
    ...(charter && root !== undefined ? [['charter by', `the root that you named, ${root}`] as const] : []),
  ])
  const { kind, by, ledger } = fact
  const json = { ok: true, origin, index, size, ledger, kind, at, by, says, charter: charter !== undefined }
  if (recorded === undefined) return { json, text: [`Proven: ${printable(says)}`, facts, '', ...limits].join('\n') }
  const { message, held } = recorded
  const told = held === undefined ? [] : [lines([['body', disclosures[held]]])]
  const said = lines(messageLines({ ...message }))
  const text = [`Proven: ${printable(says)}`, facts, said, ...told, '', ...messageLimits, ...limits].join('\n')
  return { json: { ...json, message, ...(held && { body: held }) }, text }
}

const disclosures: Readonly<Record<Disclosed, string>> = {
  sent: 'the file is what was sent: its digest is the one that was signed',
  plain: 'the file is what was sealed: its digest is the commitment that was signed',
}

const messageLimits = ['The signature of the envelope was checked with the key in the entry: whoever has it sent this.']

const limits = [
  'It shows that the platform recorded this, in this place of the ledger, and held it to be right.',
  'It does not show what came after it: a later entry may say otherwise.',
  'Nor that there is only one history, which takes heads that others kept; nor the time beyond that clock;',
  'nor that what people wrote is true.',
]
