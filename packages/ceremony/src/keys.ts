import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { hex, pem, readPem, utf8 } from '@mintmark/core/bytes'
import { rootName, rootTitle, signRoot } from '@mintmark/core/ceremony'
import { Refused } from '@mintmark/core/errors'
import type { Key } from '@mintmark/core/keys'
import { readDomain } from '@mintmark/core/names'
import { checkAnchor } from '@mintmark/core/proof'
import { type Certificate, readCertificate } from '@mintmark/core/signed'
import {
  createSealedKeyFile,
  nodeVerify,
  openSealedKeyFile,
  readSealedKeyFileHeader,
  writeFileDurably,
} from '@mintmark/elements'
import { createDirectory } from './directory.ts'
import { checkNewPassphrase } from './passphrase.ts'
import { failureOf } from './system-error.ts'
import { layTurn } from './turn.ts'

/** The offline root, ready to sign. */
export interface Root {
  readonly key: Key
  readonly certificate: Certificate
}

/** What making a root takes from outside. */
export interface RootPorts {
  /** Unix milliseconds. */
  now(): number
  random(length: number): Uint8Array
}

export interface NewRoot extends RootPorts {
  /** Made by `createRoot`; must not be there, or be empty. */
  readonly directory: string
  readonly domain: string
  readonly passphrase: string
  /** Whether the certificate says DEVELOPMENT wherever it is shown. */
  readonly development: boolean
  readonly years?: number
  /** scrypt's N of the sealed key file. */
  readonly cost?: number
}

const keyFile = 'root.key.json'
const certificateFile = 'root.pem'

/** Makes the offline root: its key, sealed by the passphrase, and its self-signed certificate. */
export async function createRoot(options: NewRoot): Promise<Root> {
  readDomain(options.domain)
  checkNewPassphrase(options.passphrase)
  return createDirectory(options.directory, directory => fillRoot(directory, options))
}

/** The root of this directory. @throws Refused `keys-missing`, `keys-broken`, `wrong-passphrase` */
export async function openRoot(directory: string, passphrase: string): Promise<Root> {
  const certificate = await readRoot(directory)
  const key = await reading(directory, () => openSealedKeyFile(join(directory, keyFile), passphrase))
  if (!key.publicKey.equals(certificate.publicKey)) throw new Refused('keys-broken', directory)
  return { key, certificate }
}

/** The root's certificate, for which no passphrase is needed, once it is seen to be a root and the key file's. */
export const readRoot = (directory: string): Promise<Certificate> =>
  reading(directory, async () => {
    const certificate = readCertificate(readPem('CERTIFICATE', readFileSync(join(directory, certificateFile), 'utf8')))
    // Whether it is still valid is asked when it signs, by a clock.
    await checkAnchor(certificate, certificate.notBefore, nodeVerify)
    rootName(certificate)
    const { publicKey } = readSealedKeyFileHeader(join(directory, keyFile))
    if (!publicKey.equals(certificate.publicKey) || certificate.subjectKeyId === undefined) {
      throw new Refused('keys-broken', directory)
    }
    return certificate
  })

/** `createRoot` into a directory that stands already. */
export async function fillRoot(directory: string, options: Omit<NewRoot, 'directory'>): Promise<Root> {
  const { domain, passphrase, development, years = 10, cost } = options
  const sealing = { name: 'root', algorithm: 'P-256', passphrase, ...(cost === undefined ? {} : { cost }) } as const
  const key = await createSealedKeyFile(join(directory, keyFile), sealing)
  const title = rootTitle({ domain, development })
  const certificate = await signRoot(key, { title, serial: serial(options.random), ...validity(options.now(), years) })
  const text = utf8(pem('CERTIFICATE', certificate.der))
  writeFileDurably(join(directory, certificateFile), text, { mode: 0o644, replace: false })
  layTurn(directory)
  return { key, certificate }
}

function validity(now: number, years: number): { notBefore: number; notAfter: number } {
  const end = new Date(now)
  end.setUTCFullYear(end.getUTCFullYear() + years)
  // A day early: nobody sets the clock of a computer without a network.
  return { notBefore: now - 86_400_000, notAfter: end.getTime() }
}

/** 128 random bits; the first is clear, so that the integer is positive, and the second set, so that it stays long. */
export function serial(random: RootPorts['random']): string {
  const bytes = random(16).slice(0, 16)
  bytes[0] = (bytes[0]! & 0x7f) | 0x40
  return hex(bytes)
}

async function reading<T>(directory: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (cause) {
    if (cause instanceof Refused && cause.code === 'wrong-passphrase') {
      const hint = 'a key file that was changed answers the same; a lost passphrase cannot be recovered'
      throw new Refused('wrong-passphrase', directory, { cause, hint })
    }
    const missing = failureOf(cause) === 'ENOENT' || (cause instanceof Refused && cause.code === 'not-found')
    if (missing) throw new Refused('keys-missing', directory, { cause })
    if (failureOf(cause) !== undefined || (cause instanceof Refused && cause.code === 'keys-broken')) throw cause
    throw new Refused('keys-broken', cause instanceof Error ? cause.message : directory, { cause })
  }
}
