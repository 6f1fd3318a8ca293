import { hex, sha256 } from '@mintmark/core/bytes'
import { digestWords, rootName, rootTitle } from '@mintmark/core/ceremony'
import type { Certificate } from '@mintmark/core/signed'

/** A root as people compare it. */
export interface RootDescription {
  readonly title: string
  readonly development: boolean
  readonly fingerprint: string
  /** The fingerprint's first 128 bits, to be read aloud. */
  readonly words: string
  readonly notBefore: string
  readonly notAfter: string
}

export function describeRoot(certificate: Certificate): RootDescription {
  const name = rootName(certificate)
  return {
    title: rootTitle(name),
    development: name.development,
    fingerprint: fingerprint(certificate),
    words: digestWords(certificate.der),
    notBefore: new Date(certificate.notBefore).toISOString(),
    notAfter: new Date(certificate.notAfter).toISOString(),
  }
}

/** SHA-256 of the certificate: what devices pin. */
export const fingerprint = (certificate: Certificate): string => hex(sha256(certificate.der))
