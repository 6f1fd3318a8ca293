import { base64, hex, type Json, pem, readBase64, readJson, readPem, sha256, utf8 } from '../bytes/index.ts'
import { Refused } from '../errors/index.ts'
import { admitRaw, type PublicKey, type Verify } from '../keys/index.ts'
import { checkReceipt, type Receipt, readReceipt, receiptJson } from '../ledger/index.ts'
import { type Change, isOfKind, readChange } from '../rules/index.ts'
import { type Charter, readCertificate, readCharter } from '../signed/index.ts'
import { checkMessageFact } from './message.ts'

/**
 * One entry of a ledger with all that proves it, in one file of JSON:
 *
 *     {"kind":"mintmark-proof","v":1,"origin":...,"index":...,"entry":...,"proof":[...],"checkpoint":...,
 *      "charter":...,"root":"-----BEGIN CERTIFICATE-----..."}
 *
 * Bytes are base64. It needs nothing of ours to be checked, but what is proven rests on the root, or on the ledger's
 * key, that whoever checks has from elsewhere: both are in the file only to be compared.
 */
export interface ProofFile {
  readonly receipt: Receipt
  /** The root's word on whose ledger it is; undefined for the platform's own, which has none. */
  readonly charter: Uint8Array | undefined
  /** DER. */
  readonly root: Uint8Array
}

/** What whoever checks knows from elsewhere: one of them, or both. */
export interface Pinned {
  /** SHA-256 (hex) of the root certificate's DER. */
  readonly root?: string | undefined
  /** The key that signs the ledger, and the ledger's origin: a C2SP verifier key that was read. */
  readonly ledgerKey?: { readonly name: string; readonly publicKey: PublicKey } | undefined
}

/** What a proof file proves. */
export interface Proven {
  readonly fact: Change
  readonly origin: string
  readonly index: number
  /** How many entries the ledger had when its head was signed. */
  readonly size: number
  /** Under the pinned root; undefined where the ledger's key was pinned alone. */
  readonly charter: Charter | undefined
}

const fields = ['kind', 'v', 'origin', 'index', 'entry', 'proof', 'checkpoint', 'charter', 'root']
const longest = 1_048_576

export function writeProofFile({ receipt, charter, root }: ProofFile): string {
  const { origin, index, entry, proof, checkpoint } = receiptJson(receipt)
  const file = {
    kind: 'mintmark-proof',
    v: 1,
    origin,
    index,
    entry,
    proof,
    checkpoint,
    charter: charter === undefined ? null : base64(charter),
    root: pem('CERTIFICATE', root),
  }
  return `${JSON.stringify(file, undefined, 2)}\n`
}

/** Reads the form of a proof file; nothing of it is proven yet. @throws Refused `bad-proof-file` */
export function readProofFile(bytes: Uint8Array): ProofFile {
  if (bytes.length > longest) throw new Refused('bad-proof-file', 'too long')
  try {
    return readFields(readJson(bytes))
  } catch (cause) {
    if (cause instanceof Refused && cause.code === 'bad-proof-file') throw cause
    throw new Refused('bad-proof-file', cause instanceof Refused ? cause.message : undefined, { cause })
  }
}

/**
 * The entry is in the ledger that its origin names, and the ledger is the one that is pinned: the pinned root's charter
 * names the key that signed its head, or that key is pinned itself.
 */
export async function proveFact(file: ProofFile, pinned: Pinned, verify: Verify): Promise<Proven> {
  const { receipt, root } = file
  const { origin, index, entry } = receipt
  if (pinned.root !== undefined && hex(sha256(root)) !== pinned.root) throw new Refused('other-root')
  const charter = pinned.root === undefined || !file.charter ? undefined : await readOwnCharter(file, verify)
  const publicKey = ledgerKeyOf(origin, charter, pinned)
  const { size } = await checkReceipt(receipt, { origin, publicKey, verify })
  const fact = readChange(entry)
  if (origin !== originOf(fact.ledger, origin)) throw new Refused('bad-proof', 'an entry of another ledger')
  if (isOfKind(fact, 'message.accepted')) await checkMessageFact(fact, verify)
  return { fact, origin, index, size, charter }
}

function readFields(value: Json): ProofFile {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Refused('bad-proof-file')
  const file = value as { readonly [name: string]: Json }
  const { kind, v, charter, root } = file
  if (kind !== 'mintmark-proof' || v !== 1) throw new Refused('bad-proof-file', 'kind or version')
  const unknown = Object.keys(file).find(name => !fields.includes(name))
  if (unknown !== undefined) throw new Refused('bad-proof-file', 'a field that is not known')
  if (charter !== null && typeof charter !== 'string') throw new Refused('bad-proof-file', 'charter')
  if (typeof root !== 'string') throw new Refused('bad-proof-file', 'root')
  return {
    receipt: readReceipt(file),
    charter: charter === null ? undefined : readBase64(charter),
    root: readPem('CERTIFICATE', root),
  }
}

async function readOwnCharter({ receipt, charter, root }: ProofFile, verify: Verify): Promise<Charter> {
  const read = await readCharter(charter!, readCertificate(root).publicKey, verify)
  const { fleet, domain } = read
  if (`${fleet}.${domain}/ledger` !== receipt.origin) throw new Refused('bad-statement', 'charter of another ledger')
  return read
}

function ledgerKeyOf(origin: string, charter: Charter | undefined, { root, ledgerKey }: Pinned): PublicKey {
  const chartered = charter && admitRaw('Ed25519', charter.ledgerKey)
  if (ledgerKey === undefined) {
    if (root === undefined) throw new TypeError('a root or the key of the ledger must be pinned')
    if (chartered === undefined) throw new Refused('ledger-key-needed', origin)
    return chartered
  }
  if (ledgerKey.name !== origin) throw new Refused('other-ledger-key', 'the key of another ledger')
  if (chartered && !chartered.equals(ledgerKey.publicKey)) throw new Refused('other-ledger-key')
  return ledgerKey.publicKey
}

/** The origin that a ledger of this name has beside this one. */
const originOf = (ledger: string, origin: string): string => `${ledger}${origin.slice(origin.indexOf('.'))}`

/** As `writeProofFile` has written it, of a value that was JSON. */
export const proofFileOf = (value: unknown): ProofFile => readProofFile(utf8(JSON.stringify(value)))
