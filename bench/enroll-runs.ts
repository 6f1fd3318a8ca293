import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { PostgresServer } from '@mintmark/testing'
import { startCfssl } from './cfssl.ts'
import { type Measured, measure } from './measure.ts'
import { type BenchPlatform, startMintmark } from './mintmark.ts'
import type { Cores } from './pinned.ts'
import { post } from './raw-client.ts'

/** The same for every contestant; the first so many are not counted. */
export const load = { warmup: 3_000, connections: 64 } as const

const json = { 'content-type': 'application/json' }

/** One process, with SQLite inside. */
export const runSqlite = (csrs: readonly string[], cores: Cores): Promise<Measured> =>
  inPlace(async directory => {
    const platform = await startMintmark(directory, { cores })
    try {
      const requests = enrollments(await platform.token(csrs.length), csrs)
      return await measure({ pids: [platform.pid], targets: [platform.asAnyone] }, requests, load)
    } finally {
      await platform.stop()
    }
  })

/** So many processes on a new database, each with its copy of the data directory; connections are spread over them. */
export const runPostgres = (csrs: readonly string[], server: PostgresServer, processes: number): Promise<Measured> =>
  inPlace(async directory => {
    const database = await server.makeDatabase()
    const platforms: BenchPlatform[] = []
    try {
      for (let i = 0; i < processes; i++) {
        const data = join(directory, String(i))
        if (i > 0) cpSync(join(directory, '0'), data, { recursive: true })
        platforms.push(await startMintmark(data, { database, cores: 'any' }))
      }
      const requests = enrollments(await platforms[0]!.token(csrs.length), csrs)
      // The first line of its file is the process that all of the server's other processes are children of.
      const [parent] = await server.sql("select pg_read_file('postmaster.pid')")
      const pids = platforms.map(({ pid }) => pid)
      const servers = { pids, parent: Number(parent), targets: platforms.map(({ asAnyone }) => asAnyone) }
      return await measure(servers, requests, load)
    } finally {
      for (const platform of platforms) await platform.stop()
    }
  })

/** It signs what it is sent, over plain HTTP. */
export async function runCfssl(csrs: readonly string[]): Promise<Measured> {
  const cfssl = await startCfssl()
  try {
    const requests = csrs.map((csr, i) => {
      const body = { certificate_request: csr, hosts: [`device-${i}.example.test`] }
      return post('/api/v1/cfssl/sign', json, JSON.stringify(body))
    })
    return await measure({ pids: [cfssl.pid], targets: [{ port: cfssl.port }] }, requests, load)
  } finally {
    await cfssl.stop()
  }
}

function enrollments(token: string, csrs: readonly string[]): Buffer[] {
  const headers = { ...json, authorization: `Bearer ${token}` }
  return csrs.map(csr => post('/v1/enroll', headers, JSON.stringify({ csr })))
}

async function inPlace<T>(work: (directory: string) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), 'mintmark-bench-'))
  try {
    return await work(directory)
  } finally {
    rmSync(directory, { recursive: true })
  }
}
