import { base64, equal, readBase64, utf8 } from '../bytes/index.ts'
import { Refused } from '../errors/index.ts'
import { checkSignature, type Key, type PublicKey, type Verify } from '../keys/index.ts'
import { emptyRoot, hashLength, isCount } from './hash.ts'
import { isKeyName, type NoteSignature, noteKeyId, readSignatureLine, signatureLine } from './note.ts'

/**
 * The head of a ledger, signed (C2SP tlog-checkpoint, a C2SP signed-note):
 *
 *     acme.example.test/ledger
 *     20852163
 *     CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
 *
 *     — acme.example.test/ledger Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurm...
 *
 * Signed are the bytes of the first three lines with their newlines. The origin is the name of the key and the context
 * of the signature. Extension lines are not written and not read: no monitor could audit them.
 */
export interface Checkpoint {
  readonly origin: string
  readonly size: number
  readonly root: Uint8Array
  /** Signatures of others (witnesses, other keys of the ledger): well-formed and not verified. */
  readonly others: readonly NoteSignature[]
}

/** The note text: what the signature is over. */
export function checkpointText(origin: string, size: number, root: Uint8Array): string {
  if (!isOrigin(origin)) throw new RangeError('not an origin')
  if (!isCount(size) || !isRootOf(size, root)) throw new RangeError('not the head of a tree')
  return `${origin}\n${size}\n${base64(root)}\n`
}

export async function signCheckpoint(key: Key, origin: string, size: number, root: Uint8Array): Promise<string> {
  const text = checkpointText(origin, size, root)
  const keyId = noteKeyId(origin, key.publicKey)
  const signature = await key.sign(utf8(text))
  return `${text}\n${signatureLine({ name: origin, keyId, signature })}`
}

/** Reads a checkpoint of this origin that this key signed, or refuses it as `bad-checkpoint`. */
export async function readCheckpoint(
  text: string,
  by: { readonly origin: string; readonly publicKey: PublicKey; readonly verify: Verify },
): Promise<Checkpoint> {
  if (text.length > longest) throw new Refused('bad-checkpoint', 'too long')
  const [origin, sizeLine = '', rootLine = '', blank, ...lines] = text.split('\n')
  if (origin !== by.origin || !isOrigin(origin)) throw new Refused('bad-checkpoint', 'another origin')
  const size = readSize(sizeLine)
  const root = readRoot(rootLine, size)
  // A fourth line of text would be an extension; the last line ends in a newline like every other.
  if (blank !== '' || lines.pop() !== '') throw new Refused('bad-checkpoint', 'lines')
  if (lines.length > mostSignatures) throw new Refused('bad-checkpoint', 'signatures')
  const signatures = lines.map(readSignatureLine)

  // C2SP signed-note: name and id together tell the key. The same name with another id is someone unknown.
  const keyId = noteKeyId(origin, by.publicKey)
  const isOurs = ({ name, keyId: id }: NoteSignature): boolean => name === origin && equal(id, keyId)
  const [ours, ...more] = signatures.filter(isOurs)
  if (ours === undefined || more.length > 0) throw new Refused('bad-checkpoint', 'not one signature by this key')
  const signed = utf8(checkpointText(origin, size, root))
  const verified = await checkSignature(by.verify, by.publicKey, signed, ours.signature)
  if (!verified) throw new Refused('bad-checkpoint', 'signature')
  return { origin, size, root, others: signatures.filter(signature => !isOurs(signature)) }
}

/** C2SP signed-note has verifiers take at least 16, and warns that one may be near 5 kB. */
const mostSignatures = 16
const longest = 0x20000

/** Narrower than C2SP tlog-checkpoint, as our ledgers are named: printable ASCII, a note key's name. */
const isOrigin = (origin: string): boolean => /^[\x21-\x7e]{1,320}$/.test(origin) && isKeyName(origin)

const isRootOf = (size: number, root: Uint8Array): boolean =>
  root.length === hashLength && (size > 0 || equal(root, emptyRoot()))

function readSize(line: string): number {
  const size = Number(line)
  // C2SP tlog-checkpoint: decimal, no leading zeroes.
  if (!/^(0|[1-9][0-9]{0,15})$/.test(line) || !isCount(size)) throw new Refused('bad-checkpoint', 'tree size')
  return size
}

function readRoot(line: string, size: number): Uint8Array {
  let root: Uint8Array
  try {
    root = readBase64(line)
  } catch (cause) {
    throw new Refused('bad-checkpoint', 'root is not base64', { cause })
  }
  if (!isRootOf(size, root)) throw new Refused('bad-checkpoint', 'root')
  return root
}
