import { readFileSync } from 'node:fs'
import { utf8 } from '@mintmark/core/bytes'
import { didKey, type Key, type KeyAlgorithm } from '@mintmark/core/keys'
import { createKeyFile, openKeyFile, removeFileDurably, renameDurably } from '@mintmark/elements'
import { exists, file, type Home, leafOf, pemChain, receiptText, write } from './home.ts'
import { readFacts, writeFacts } from './home-facts.ts'
import type { Issued } from './issued.ts'

// What is to take the place of a home's certificate, and perhaps of its key:
//
//     key.next.pem       0600; kept before anything is asked with it
//     receipt.next.json  kept with the reply
//     cert.next.pem      kept with the reply, last: what is next is whole, and can be tried out
//
// Every step is durable before the one that follows. A certificate for the same key takes its place by renaming. For
// another key home.json is written first, with the DID of the new one, and that decides it: what is left is to rename,
// the key last, and `readHome` looks through a home in which that was interrupted.

/** A certificate that the platform issued, and that nobody has seen at work. */
export interface Next {
  /** PEM: the leaf, then its chain without the root. */
  readonly certificate: string
  readonly key: Key
  readonly keyFile: string
  readonly isNewKey: boolean
}

/** What waits in a home; undefined where nothing does, or nothing that is whole. */
export function readNext({ directory, key, keyFile }: Home): Next | undefined {
  if (!exists(file(directory, 'nextCertificate'))) return undefined
  const certificate = readFileSync(file(directory, 'nextCertificate'), 'utf8')
  const { publicKey } = leafOf(certificate)
  if (publicKey.equals(key.publicKey)) return { certificate, key, keyFile, isNewKey: false }
  const nextFile = file(directory, 'nextKey')
  const next = exists(nextFile) ? openKeyFile(nextFile) : undefined
  if (!next?.publicKey.equals(publicKey)) return undefined
  return { certificate, key: next, keyFile: nextFile, isNewKey: true }
}

/**
 * The key that is to come after the home's own: a new one, or the one that an interrupted change left, so that the
 * platform sees the same change again.
 * @param algorithm of another kind than is there, that one goes: it was never used
 */
export function provideNextKey({ directory, key }: Home, algorithm: KeyAlgorithm | undefined): Key {
  const path = file(directory, 'nextKey')
  const left = exists(path) ? openKeyFile(path) : undefined
  if (left && (algorithm === undefined || left.publicKey.algorithm === algorithm)) return left
  if (left) removeFileDurably(path)
  return createKeyFile(path, algorithm ?? key.publicKey.algorithm)
}

export function keepNext({ directory }: Home, { chain, receipt, charter }: Issued): void {
  // The root's own word, and not older than the one here: good with either certificate.
  if (charter) write(directory, 'charter', charter.bytes)
  write(directory, 'nextReceipt', receiptText(receipt))
  write(directory, 'nextCertificate', utf8(pemChain(chain)))
}

/** The platform has answered to it: what is next is the home's from here on. */
export function takeNext({ directory, identity, url, fleet, name, role }: Home, { key, isNewKey }: Next): void {
  if (isNewKey) {
    const facts = { identity, did: didKey(key.publicKey), url, fleet, name, role }
    write(directory, 'facts', utf8(writeFacts(facts)))
    finishNext(directory)
  } else exchange(directory)
}

/** Goes on with a change of key that was decided and interrupted. */
export function finishNext(directory: string): void {
  const path = file(directory, 'nextKey')
  if (!exists(path)) return
  const { did } = readFacts(readFileSync(file(directory, 'facts')))
  if (did !== didKey(openKeyFile(path).publicKey)) return
  exchange(directory)
  renameDurably(path, file(directory, 'key'))
}

/** The certificate last, so that it is never without its receipt. */
function exchange(directory: string): void {
  for (const [next, name] of [
    ['nextReceipt', 'receipt'],
    ['nextCertificate', 'certificate'],
  ] as const) {
    if (exists(file(directory, next))) renameDurably(file(directory, next), file(directory, name))
  }
}

/** The platform does not know it any more, or the home needs it no more. */
export function dropNext({ directory }: Home, { isNewKey }: Next): void {
  removeFileDurably(file(directory, 'nextCertificate'))
  removeFileDurably(file(directory, 'nextReceipt'))
  if (isNewKey) removeFileDurably(file(directory, 'nextKey'))
}
