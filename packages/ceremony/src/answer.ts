import { accessSync, constants, existsSync, readFileSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { hex, sha256 } from '@mintmark/core/bytes'
import {
  answerRequest,
  type CeremonyRequest,
  checkRootFor,
  describeRequest,
  digestWords,
  readCeremonyRequest,
} from '@mintmark/core/ceremony'
import { Refused } from '@mintmark/core/errors'
import { checkAnchor } from '@mintmark/core/proof'
import { type Certificate, sameCertificate } from '@mintmark/core/signed'
import { nodeVerify, writeFileDurably } from '@mintmark/elements'
import { fingerprint } from './describe-root.ts'
import { openRoot, readRoot } from './keys.ts'
import { failureOf } from './system-error.ts'
import { appendTranscript, readTranscript, type Transcript } from './transcript.ts'

/** A request as the signer sees it. */
export interface ShownRequest {
  readonly request: CeremonyRequest
  /** The digest of the request file, to be compared aloud with whoever sent it. */
  readonly words: string
  /** What signing it would mean, a line an item. */
  readonly lines: readonly string[]
}

/** The person at the air gap. */
export interface Signer {
  /** Is shown what would be signed by which root, and types the first two of the words. */
  confirm(shown: ShownRequest, root: Certificate): string | Promise<string>
  passphrase(): string | Promise<string>
}

export interface Answering {
  /** The directory of the root. */
  readonly keys: string
  readonly signer: Signer
  /** Unix milliseconds. */
  now(): number
}

export interface Answered {
  readonly shown: ShownRequest
  readonly root: Certificate
  readonly answer: Uint8Array
  readonly transcript: Transcript
}

/** Answers a request file with a new file. */
export async function answerFile(files: { request: string; out: string } & Answering): Promise<Answered> {
  checkWritable(files.out)
  const answered = await answerBytes(readRequestFile(files.request), files)
  try {
    writeFileDurably(files.out, answered.answer, { mode: 0o644, replace: false })
  } catch (cause) {
    if (failureOf(cause) === 'EEXIST') throw new Refused('file-exists', files.out, { cause })
    throw cause
  }
  return answered
}

/** Shown, confirmed, signed, recorded, in this order; the answer leaves only once the transcript has it. */
export async function answerBytes(bytes: Uint8Array, { keys, signer, now }: Answering): Promise<Answered> {
  const shown = await showRequest(bytes)
  const root = await readRoot(keys)
  checkRootFor(shown.request, root)
  await checkAnchor(root, now(), nodeVerify)
  readTranscript(keys)
  checkConfirmed(await signer.confirm(shown, root), shown.words)
  const opened = await openRoot(keys, await signer.passphrase())
  if (!sameCertificate(opened.certificate, root)) throw new Refused('keys-broken', 'not the root that was shown')
  const answer = await answerRequest(shown.request, opened)
  const ceremony = {
    at: now(),
    request: shown.request.digest,
    words: shown.words,
    lines: shown.lines,
    root: fingerprint(root),
    answer: hex(sha256(answer)),
  }
  return { shown, root, answer, transcript: await appendTranscript(keys, ceremony) }
}

/** Reads a request without any key. @throws Refused `bad-request-file` */
export async function showRequest(bytes: Uint8Array): Promise<ShownRequest> {
  const request = await readCeremonyRequest(bytes, nodeVerify)
  return { request, words: digestWords(bytes), lines: describeRequest(request) }
}

/** The bytes of a request file. The medium comes from a networked computer: it does not choose how much is read. */
export function readRequestFile(path: string): Uint8Array {
  if (statSync(path).size > 1_000_000) throw new Refused('too-large', path)
  return readFileSync(path)
}

/** What the signer types: the first two words of the digest. */
export const confirmationOf = ({ words }: ShownRequest): string => words.split(' ', 2).join(' ')

function checkConfirmed(typed: string, words: string): void {
  const [first, second] = words.split(' ', 2)
  if (typed.trim().toLowerCase().split(/\s+/).join(' ') !== `${first} ${second}`) throw new Refused('not-confirmed')
}

// Before anything is signed: an answer that cannot be written would have used the root for nothing.
function checkWritable(path: string): void {
  if (existsSync(path)) throw new Refused('file-exists', path)
  accessSync(dirname(resolve(path)), constants.W_OK)
}
