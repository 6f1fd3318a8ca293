import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { readPem } from '@mintmark/core/bytes'
import { checkPossession, commonName, keyIdentifier, readSigningRequest, signCertificate } from '@mintmark/core/signed'
import { createKeyFile, nodeVerify, randomBytes } from '@mintmark/elements'
import type { Measured } from './measure.ts'

const group = 64

/**
 * The floor under an enrollment: read and check the signing request, sign a certificate, put a row into SQLite, one
 * synchronous commit for a group. No network, no token, no ledger, no second look at anything.
 */
export async function measureFloor(csrs: readonly string[], warmup: number): Promise<Measured> {
  const directory = mkdtempSync(join(tmpdir(), 'mintmark-floor-'))
  const key = createKeyFile(join(directory, 'ca.pem'), 'P-256')
  const issuer = { key, subject: commonName('floor'), keyId: keyIdentifier(key.publicKey) }
  const db = new DatabaseSync(join(directory, 'floor.db'))
  db.exec('pragma journal_mode = wal; pragma synchronous = full; create table c (serial text primary key, der blob)')
  const insert = db.prepare('insert into c values (?, ?)')
  const now = Date.now()
  const run = async (part: readonly string[]): Promise<void> => {
    for (let at = 0; at < part.length; at += group) {
      db.exec('begin immediate')
      for (const csr of part.slice(at, at + group)) {
        const request = readSigningRequest(readPem('CERTIFICATE REQUEST', csr))
        await checkPossession(request, nodeVerify)
        const serial = `4${Buffer.from(randomBytes(16)).toString('hex').slice(1)}`
        const name = { fleet: 'bench', role: 'device', name: `d-${serial}` } as const
        const facts = {
          kind: 'leaf',
          domain: 'example.test',
          name,
          serial,
          notBefore: now,
          notAfter: now + 1e9,
        } as const
        insert.run(serial, await signCertificate(issuer, { ...facts, publicKey: request.publicKey }))
      }
      db.exec('commit')
    }
  }
  await run(csrs.slice(0, warmup))
  const [begun, cpu] = [performance.now(), process.cpuUsage()]
  await run(csrs.slice(warmup))
  const [seconds, { user, system }] = [(performance.now() - begun) / 1000, process.cpuUsage(cpu)]
  db.close()
  rmSync(directory, { recursive: true })
  const done = csrs.length - warmup
  return { perSecond: done / seconds, cpuMicros: (user + system) / done }
}
