import { equal } from '../bytes/bytes.ts'
import { sha256 } from '../bytes/sha256.ts'
import { base64url, hex, readBase64url, readUtf8, utf8 } from '../bytes/text.ts'
import { Refused } from '../errors/refused.ts'
import type { Key, Verify } from '../keys/key.ts'
import { checkAnchor, checkAuthority } from '../proof/path.ts'
import { type Certificate, readCertificate } from '../signed/certificate.ts'
import { readCharter, signCharter } from '../signed/charter.ts'
import { certificateToSign, signCertificate } from '../signed/profile.ts'
import { record, text } from './fields.ts'
import type { CeremonyItem } from './item.ts'
import type { CeremonyRequest } from './request.ts'
import { rootName } from './root.ts'

/** What came back across the air gap, checked against the request: item by item, in the request's order. */
export interface CeremonyAnswer {
  readonly root: Certificate
  /** A certificate (DER) for an authority, a statement (COSE_Sign1) for a charter. */
  readonly items: readonly { readonly item: CeremonyItem; readonly signed: Uint8Array }[]
}

const format = 'ceremony-answer.v1'
const fields = ['mintmark', 'request', 'root', 'items']
const maxSize = 2_000_000

/** Signs every item of a request with the offline root; the caller has shown the lines and been told to go on. */
export async function answerRequest(
  request: CeremonyRequest,
  root: { key: Key; certificate: Certificate },
): Promise<Uint8Array> {
  checkRootFor(request, root.certificate)
  const issuer = { key: root.key, subject: root.certificate.subject, keyId: root.certificate.subjectKeyId! }
  const items: string[] = []
  for (const item of request.items) {
    const signed =
      item.kind === 'charter' ? await signCharter(root.key, item.charter) : await signCertificate(issuer, item.request)
    items.push(base64url(signed))
  }
  const file = { mintmark: format, request: base64url(request.bytes), root: base64url(root.certificate.der), items }
  return utf8(`${JSON.stringify(file, null, 2)}\n`)
}

/** @throws Refused `bad-request-file` where the request is not for this root to answer */
export function checkRootFor(request: CeremonyRequest, root: Certificate): void {
  const named = request.anchor === undefined || request.anchor === hex(sha256(root.der))
  if (!named) throw new Refused('bad-request-file', 'the request is for another root')
  if (rootName(root).domain !== request.domain) {
    throw new Refused('bad-request-file', `the root is not the root of ${request.domain}`)
  }
  if (request.items.some(item => item.kind === 'authority' && item.request.notAfter > root.notAfter)) {
    throw new Refused('bad-request-file', 'a CA would outlive the root')
  }
}

/** The request that an answer carries along, so that the online side needs no memory of what it asked. */
export function requestOf(answer: Uint8Array): Uint8Array {
  if (answer.length > maxSize) throw new Refused('too-large', 'ceremony answer')
  try {
    return readBase64url(text(record(JSON.parse(readUtf8(answer)), fields).request, maxSize))
  } catch (cause) {
    throw new Refused('bad-answer', undefined, { cause })
  }
}

/**
 * Reads an answer and checks that the root signed exactly what the request says, byte for byte, and nothing else.
 * @throws Refused `bad-answer`
 */
export async function readCeremonyAnswer(
  bytes: Uint8Array,
  request: CeremonyRequest,
  at: number,
  verify: Verify,
): Promise<CeremonyAnswer> {
  if (bytes.length > maxSize) throw new Refused('too-large', 'ceremony answer')
  try {
    const file = record(JSON.parse(readUtf8(bytes)), fields)
    if (file.mintmark !== format || !equal(readBase64url(text(file.request, maxSize)), request.bytes)) {
      throw bad('for another request')
    }
    const root = readCertificate(readBase64url(text(file.root)))
    if (request.anchor !== undefined && hex(sha256(root.der)) !== request.anchor) throw bad('by another root')
    if (rootName(root).domain !== request.domain) throw bad('by the root of another domain')
    await checkAnchor(root, at, verify)
    if (!Array.isArray(file.items) || file.items.length !== request.items.length) throw bad('items')
    const items: { item: CeremonyItem; signed: Uint8Array }[] = []
    for (const [i, item] of request.items.entries()) {
      const signed = readBase64url(text(file.items[i]))
      await checkItem(item, signed, root, at, verify)
      items.push({ item, signed })
    }
    return { root, items }
  } catch (cause) {
    if (cause instanceof Refused && cause.code === 'bad-answer') throw cause
    throw new Refused('bad-answer', cause instanceof Error ? cause.message : undefined, { cause })
  }
}

async function checkItem(item: CeremonyItem, signed: Uint8Array, root: Certificate, at: number, verify: Verify) {
  if (item.kind === 'charter') {
    const charter = await readCharter(signed, root.publicKey, verify)
    if (JSON.stringify(comparable(charter)) !== JSON.stringify(comparable(item.charter))) throw bad('charter')
    return
  }
  const certificate = readCertificate(signed)
  await checkAuthority(certificate, root, at, verify)
  const expected = certificateToSign(root.publicKey.algorithm, root.subject, root.subjectKeyId!, item.request)
  if (!equal(certificate.signed, expected)) throw bad('another certificate than was asked for')
}

const comparable = ({
  domain,
  fleet,
  version,
  authority,
  ledgerKey,
  releaseRoot,
  issued,
}: Extract<CeremonyItem, { kind: 'charter' }>['charter']) => [
  domain,
  fleet,
  version,
  authority,
  hex(ledgerKey),
  releaseRoot ?? null,
  issued,
]

const bad = (why: string): Refused => new Refused('bad-answer', why)
