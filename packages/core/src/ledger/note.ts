import { base64, concat, equal, hex, readBase64, readHex, sha256, utf8 } from '../bytes/index.ts'
import { Refused } from '../errors/index.ts'
import { admitRaw, type PublicKey } from '../keys/index.ts'

// Keys and signature lines of C2SP signed-note. Our own keys are Ed25519, signature type 0x01; other people's lines
// are read for their form only.

/** One line `— <name> base64(key id || signature)`. */
export interface NoteSignature {
  readonly name: string
  /** 4 bytes. It finds the key and proves nothing: anyone can make a key with a given id. */
  readonly keyId: Uint8Array
  readonly signature: Uint8Array
}

/** C2SP signed-note, "Ed25519 signatures": SHA-256(name || 0x0A || 0x01 || key), the first 4 bytes. */
export function noteKeyId(name: string, publicKey: PublicKey): Uint8Array {
  return sha256(utf8(`${name}\n`), typedKey(publicKey)).slice(0, 4)
}

/** `<name>+<key id in hex>+<base64(0x01 || key)>`: what an auditor or a witness is configured with. */
export function verifierKey(name: string, publicKey: PublicKey): string {
  if (!isKeyName(name)) throw new RangeError('not the name of a note key')
  return `${name}+${hex(noteKeyId(name, publicKey))}+${base64(typedKey(publicKey))}`
}

export function readVerifierKey(text: string): { name: string; publicKey: PublicKey } {
  // The name has no plus, base64 may have.
  const [name = '', keyId = '', ...rest] = text.split('+')
  if (!isKeyName(name)) throw new Refused('key-refused', 'name of a note key')
  const typed = decode(rest.join('+'), readBase64)
  const id = decode(keyId, readHex)
  if (typed[0] !== ed25519) throw new Refused('key-refused', 'not an Ed25519 note key')
  const publicKey = admitRaw('Ed25519', typed.slice(1))
  if (!equal(id, noteKeyId(name, publicKey))) throw new Refused('key-refused', 'the key id is of another key')
  return { name, publicKey }
}

/** With its newline. */
export function signatureLine({ name, keyId, signature }: NoteSignature): string {
  return `— ${name} ${base64(concat(keyId, signature))}\n`
}

/** Without its newline. */
export function readSignatureLine(line: string): NoteSignature {
  const [dash, name = '', encoded = '', ...rest] = line.split(' ')
  if (dash !== '—' || rest.length > 0 || !isKeyName(name)) throw new Refused('bad-checkpoint', 'signature line')
  let bytes: Uint8Array
  try {
    bytes = readBase64(encoded)
  } catch (cause) {
    throw new Refused('bad-checkpoint', 'signature line is not base64', { cause })
  }
  if (bytes.length < 5) throw new Refused('bad-checkpoint', 'no signature')
  return { name, keyId: bytes.slice(0, 4), signature: bytes.slice(4) }
}

/** C2SP signed-note, "Format": not empty, well-formed, no Unicode space, no plus, no control character. */
export const isKeyName = (name: string): boolean => /^[^\s\p{Cc}+]+$/u.test(name) && name.isWellFormed()

/** C2SP signed-note, "Signature types". */
const ed25519 = 0x01

function typedKey(publicKey: PublicKey): Uint8Array {
  if (publicKey.algorithm !== 'Ed25519') throw new RangeError('a note key is an Ed25519 key')
  return concat(Uint8Array.of(ed25519), publicKey.raw)
}

function decode(text: string, read: (text: string) => Uint8Array): Uint8Array {
  try {
    return read(text)
  } catch (cause) {
    throw new Refused('key-refused', 'encoding of a note key', { cause })
  }
}
