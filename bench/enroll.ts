import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startCfssl } from './cfssl.ts'
import { makeDeviceKey } from './device-key.ts'
import { measureFloor } from './floor.ts'
import { type Measured, measure, medianOf } from './measure.ts'
import { startMintmark } from './mintmark.ts'
import type { Options } from './options.ts'
import { post } from './raw-client.ts'

// Enrollment end to end: TLS 1.3 keep-alive, a token with a budget, proof of possession, a certificate, the ledger with
// its signed head, one fsync a group. Beside it `cfssl serve`, which signs over plain HTTP and keeps nothing, and the
// floor: request check, signature and group commit alone, without network, ledger or validation. Each server has one core
// and the client the other; the three run in turn, round after round, so that a machine that drifts drifts for all.

const warmup = 3_000
const counted = Number(process.env.BENCH_REQUESTS ?? 8_000)
const connections = 64

export async function benchEnroll({ rounds }: Pick<Options, 'rounds'>): Promise<void> {
  const csrs = await makeRequests(warmup + counted)
  const results: Record<'mintmark' | 'cfssl' | 'floor', Measured[]> = { mintmark: [], cfssl: [], floor: [] }
  for (let round = 0; round < rounds; round++) {
    results.mintmark.push(await runMintmark(csrs))
    results.cfssl.push(await runCfssl(csrs))
    results.floor.push(await measureFloor(csrs, warmup))
  }
  const [mintmark, cfssl, floor] = [medianOf(results.mintmark), medianOf(results.cfssl), medianOf(results.floor)]
  console.log(`enrollment, P-256, ${connections} connections, ${counted} a round, median of ${rounds} rounds`)
  for (const [name, { perSecond, cpuMicros }] of Object.entries({ mintmark, cfssl, floor })) {
    console.log(
      `  ${name.padEnd(9)} ${perSecond.toFixed(0).padStart(6)}/s   ${cpuMicros.toFixed(0).padStart(5)} µs CPU each`,
    )
  }
  const ratio = (a: Measured, b: Measured): string =>
    `${(a.perSecond / b.perSecond).toFixed(2)}x by rate, ${(b.cpuMicros / a.cpuMicros).toFixed(2)}x by CPU`
  console.log(`  mintmark / cfssl  ${ratio(mintmark, cfssl)}   (budget: >= 1x)`)
  console.log(`  mintmark / floor  ${ratio(mintmark, floor)}`)
}

async function runMintmark(csrs: readonly string[]): Promise<Measured> {
  const data = mkdtempSync(join(tmpdir(), 'mintmark-bench-'))
  const platform = await startMintmark(data)
  try {
    const token = await platform.token(1_000_000)
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` }
    const requests = csrs.map(csr => post('/v1/enroll', headers, JSON.stringify({ csr })))
    return await measure(platform.pid, platform.asAnyone, requests, { warmup, connections })
  } finally {
    await platform.stop()
    rmSync(data, { recursive: true })
  }
}

async function runCfssl(csrs: readonly string[]): Promise<Measured> {
  const cfssl = await startCfssl()
  try {
    const requests = csrs.map((csr, i) => {
      const body = { certificate_request: csr, hosts: [`device-${i}.example.test`] }
      return post('/api/v1/cfssl/sign', { 'content-type': 'application/json' }, JSON.stringify(body))
    })
    return await measure(cfssl.pid, { port: cfssl.port }, requests, { warmup, connections })
  } finally {
    await cfssl.stop()
  }
}

/** Signing requests of fresh P-256 keys, PEM. */
async function makeRequests(count: number): Promise<string[]> {
  const csrs: string[] = []
  for (let i = 0; i < count; i++) csrs.push((await makeDeviceKey()).csr)
  return csrs
}
