import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { base64url, utf8 } from '@mintmark/core/bytes'
import { type CeremonyAnswer, readCeremonyAnswer, readCeremonyRequest, rootName } from '@mintmark/core/ceremony'
import { Refused } from '@mintmark/core/errors'
import type { Certificate } from '@mintmark/core/signed'
import { nodeVerify, writeFileDurably } from '@mintmark/elements'
import { type Answered, answerBytes, answerFile, confirmationOf, type Signer } from './answer.ts'
import { fingerprint } from './describe-root.ts'
import { createDirectory } from './directory.ts'
import { foundingRequest } from './founding-request.ts'
import { fillRoot, type RootPorts, readRoot } from './keys.ts'
import { readPassphraseFile } from './passphrase.ts'

/** A root that signs without a person: for development, through the code of the real ceremony. */
export interface RehearsalSigner {
  readonly rootCertificate: Certificate
  /** The answer to a request; recorded in the directory's transcript. */
  answer(request: Uint8Array): Promise<Uint8Array>
}

const passphraseFile = 'passphrase.txt'

/** Opens the development root of a directory, and makes it where there is none. Never touches a production root. */
export async function rehearsalSigner(directory: string, domain: string, ports: RootPorts): Promise<RehearsalSigner> {
  if (!isRehearsal(directory)) await makeRehearsal(directory, domain, ports).catch(unlessMade(directory))
  const rootCertificate = await readRoot(directory)
  const name = rootName(rootCertificate)
  if (!name.development || name.domain !== domain) throw new Refused('file-exists', `${directory} has another root`)
  const answering = { keys: directory, signer: rehearsing(directory), now: ports.now }
  return { rootCertificate, answer: async request => (await answerBytes(request, answering)).answer }
}

/** A whole ceremony in a new directory: a root, a request such as founding a platform makes, its answer, its proof. */
export async function rehearse(
  directory: string,
  domain: string,
  ports: RootPorts,
): Promise<Answered & { readonly proven: CeremonyAnswer }> {
  await makeRehearsal(directory, domain, ports)
  const [request, out] = [join(directory, 'request.json'), join(directory, 'answer.json')]
  const anchor = fingerprint(await readRoot(directory))
  writeFileDurably(request, await foundingRequest({ directory, domain, anchor, ...ports }), {
    mode: 0o644,
    replace: false,
  })
  const answered = await answerFile({ request, out, keys: directory, signer: rehearsing(directory), now: ports.now })
  // From the files and not from memory: what the platform will read.
  const read = await readCeremonyRequest(readFileSync(request), nodeVerify)
  return { ...answered, proven: await readCeremonyAnswer(readFileSync(out), read, ports.now(), nodeVerify) }
}

async function makeRehearsal(directory: string, domain: string, ports: RootPorts): Promise<void> {
  // 144 random bits need no costly derivation, and a platform that starts should not wait for one.
  const passphrase = base64url(ports.random(18))
  await createDirectory(directory, async staging => {
    await fillRoot(staging, { domain, passphrase, ...ports, development: true, cost: 2 ** 15 })
    writeFileDurably(join(staging, passphraseFile), utf8(`${passphrase}\n`), { mode: 0o600, replace: false })
    writeFileDurably(join(staging, 'README.txt'), utf8(warning(domain)), { mode: 0o644, replace: false })
  })
}

const isRehearsal = (directory: string): boolean => existsSync(join(directory, passphraseFile))

/** Another process may have made it at the same moment. */
const unlessMade = (directory: string) => (cause: unknown) => {
  if (!(cause instanceof Refused && cause.code === 'file-exists' && isRehearsal(directory))) throw cause
}

const rehearsing = (directory: string): Signer => ({
  confirm: confirmationOf,
  passphrase: () => readPassphraseFile(join(directory, passphraseFile)),
})

const warning = (domain: string): string => `THESE ARE DEVELOPMENT KEYS. DO NOT TRUST THEM WITH ANYTHING REAL.

This directory holds the root of ${domain} as a rehearsal made it: not at an air gap, but on the computer
that runs the platform, with the passphrase in a file beside it. Whoever can read this directory can make CAs and
charters that every device of this platform believes, and no revocation reaches a root.

For production, make the root on a computer that is never connected to anything: docs/signer.md says how.
Devices that were enrolled under this root have to be enrolled again under that one.
`
