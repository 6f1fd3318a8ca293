import { equal } from '../bytes/bytes.ts'
import { contextConstructed, DerReader, type Element, readDer, readTime, tag } from '../bytes/der.ts'
import { hex } from '../bytes/text.ts'
import { Refused } from '../errors/refused.ts'
import { admitSpki } from '../keys/admit.ts'
import type { PublicKey } from '../keys/public-key.ts'
import { readX509Signature } from '../keys/signature.ts'
import { readSignatureAlgorithm } from './algorithm.ts'
import { type Extensions, readExtensions } from './extensions.ts'

/** An X.509 v3 certificate of our profile (RFC 5280), read strictly. Reading proves nothing: see core/proof. */
export interface Certificate extends Extensions {
  readonly der: Uint8Array
  /** TBSCertificate, the bytes that are signed. */
  readonly signed: Uint8Array
  readonly algorithm: PublicKey['algorithm']
  /** Raw 64 bytes. */
  readonly signature: Uint8Array
  /** Lower-case hex without leading zero bytes. */
  readonly serial: string
  /** Names as DER, compared as bytes. */
  readonly issuer: Uint8Array
  readonly subject: Uint8Array
  /** Unix milliseconds, whole seconds; valid from `notBefore` to `notAfter`, both included (RFC 5280 4.1.2.5). */
  readonly notBefore: number
  readonly notAfter: number
  readonly publicKey: PublicKey
}

const maxSize = 8_192

export function readCertificate(der: Uint8Array): Certificate {
  if (der.length > maxSize) throw new Refused('too-large', 'certificate')
  try {
    return readStrictly(der)
  } catch (cause) {
    // A key that is not admitted keeps its own code: that is what its sender must mend.
    if (cause instanceof Refused && cause.code === 'bad-der') {
      throw new Refused('bad-certificate', cause.detail, { cause })
    }
    throw cause
  }
}

function readStrictly(der: Uint8Array): Certificate {
  const outer = new DerReader(readDer(der, tag.sequence).body)
  const { body, whole: signed } = outer.expect(tag.sequence)
  const algorithm = readSignatureAlgorithm(outer)
  const signature = readX509Signature(algorithm, outer.bitString())
  outer.end()

  const tbs = new DerReader(body)
  const version = new DerReader(tbs.expect(contextConstructed(0)).body)
  if (version.smallInteger() !== 2) throw new Refused('bad-certificate', 'not version 3')
  version.end()
  const serial = readSerial(tbs.integer())
  // RFC 5280 4.1.1.2: the algorithm inside the signature must be the one outside.
  if (readSignatureAlgorithm(tbs) !== algorithm) throw new Refused('bad-certificate', 'two signature algorithms')
  const issuer = tbs.expect(tag.sequence).whole
  const validity = tbs.sequence()
  const notBefore = readTime(validity.element())
  const notAfter = readTime(validity.element())
  validity.end()
  if (notBefore > notAfter) throw new Refused('bad-certificate', 'ends before it begins')
  const subject = tbs.expect(tag.sequence).whole
  const publicKey = admitSpki(tbs.expect(tag.sequence).whole)
  const extensions = readExtensions(readOuterExtensions(tbs))
  tbs.end()
  return { der, signed, algorithm, signature, serial, issuer, subject, notBefore, notAfter, publicKey, ...extensions }
}

function readOuterExtensions(tbs: DerReader): Element {
  const wrapper = new DerReader(tbs.expect(contextConstructed(3)).body)
  const extensions = wrapper.expect(tag.sequence)
  wrapper.end()
  return extensions
}

/** RFC 5280 4.1.2.2: positive, at most 20 bytes. */
export function readSerial(integer: Uint8Array): string {
  if (integer[0]! >= 0x80 || integer.length > 20 || (integer.length === 1 && integer[0] === 0)) {
    throw new Refused('bad-certificate', 'serial number')
  }
  return hex(integer[0] === 0 ? integer.subarray(1) : integer)
}

/** The same bytes: the only sense in which two certificates are one. */
export const sameCertificate = (a: Certificate, b: Certificate): boolean => equal(a.der, b.der)
