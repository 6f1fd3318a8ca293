import { randomBytes } from 'node:crypto'
import { DatabaseSync } from 'node:sqlite'
import { base32 } from '@mintmark/core/bytes'
import { randomBytes as random } from '@mintmark/elements'
import { dataFiles, domainOf } from '@mintmark/server'
import { openData } from '../packages/server/src/start.ts'
import type { Times } from './latency.ts'

const prefix = 'bench/device/'
const end = 'bench/device0'

/** Names of devices at random, each of them as likely: names begin with a hash of the key. */
export function sampleNames(data: string, count: number): string[] {
  return reading(data, db => {
    const next = db.prepare('select name from registry where identity > ? and identity < ? order by identity limit 1')
    return Array.from({ length: count }, () => {
      const row = next.get(`${prefix}d-${base32(randomBytes(5))}`, end) ?? next.get(prefix, end)
      return (row as { name: string }).name
    })
  })
}

/** The name after which there are so many more. */
export function lastPageAfter(data: string, perPage: number): string {
  return reading(data, db => {
    const sql = 'select name from registry where identity > ? and identity < ? order by identity desc limit 1 offset ?'
    return (db.prepare(sql).get(prefix, end, perPage) as { name: string }).name
  })
}

/** The floor: a row by its key, and nothing around it. */
export function timeBareReads(data: string, names: readonly string[]): Times {
  return reading(data, db => {
    const read = db.prepare('select * from registry where identity = ?')
    return names.map(name => {
      const identity = prefix + name
      const begun = performance.now()
      read.get(identity)
      return performance.now() - begun
    })
  })
}

/** What the gate asks on every request, by the platform's own store. The platform of the directory must not run. */
export async function timeStandings(data: string, names: readonly string[]): Promise<Times> {
  const { store } = await openData({ data, domain: domainOf(data)!, now: Date.now, random })
  try {
    const times: number[] = []
    for (const name of names) {
      const identity = prefix + name
      const begun = performance.now()
      await store.standing(identity)
      times.push(performance.now() - begun)
    }
    return times
  } finally {
    await store.close()
  }
}

/** As large a cache as the platform's. */
function reading<T>(data: string, work: (db: DatabaseSync) => T): T {
  const db = new DatabaseSync(dataFiles(data).database, { readOnly: true })
  db.exec('pragma cache_size = -65536')
  try {
    return work(db)
  } finally {
    db.close()
  }
}
