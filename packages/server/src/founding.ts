import { existsSync } from 'node:fs'
import { Refused } from '@mintmark/core/errors'
import type { Certificate } from '@mintmark/core/signed'
import { dataFiles, domainOf } from './data-files.ts'
import { openKeeper } from './keeper/keeper.ts'
import { found, requestFounding } from './operations/found.ts'
import { ledgerSigner } from './platform.ts'
import { checkNeverFounded, openData, type StartOptions } from './start.ts'
import { type Database, openSqlite, Store } from './store/index.ts'
import { serverVerify } from './verify.ts'

// A platform with an offline root is founded before it first runs, on its data directory alone.

/** Whether the root has signed this platform's CAs. Only reads: the platform of the directory may be running. */
export async function isFounded(data: string): Promise<boolean> {
  const domain = domainOf(data)
  const files = dataFiles(data)
  if (domain === undefined || !existsSync(files.database)) return false
  const database = openForReading(files.database)
  if (database === undefined) return false
  const store = new Store(database, ledgerSigner(openKeeper(files.keeper), domain))
  try {
    return (await store.platform()) !== undefined
  } finally {
    await store.close()
  }
}

/** Undefined where its founding was cut short before it had tables. */
function openForReading(path: string): Database | undefined {
  try {
    return openSqlite(path, { readOnly: true })
  } catch (error) {
    if (error instanceof Refused && error.code === 'data-missing') return undefined
    throw error
  }
}

/** Makes the data directory and the platform's keys. @returns the request for the offline root */
export async function prepareFounding(
  options: Pick<StartOptions, 'data' | 'domain' | 'now' | 'random'>,
): Promise<Uint8Array> {
  const { store, keeper } = await openData(options)
  try {
    if (!(await store.platform())) checkNeverFounded(options.data)
    return await requestFounding({ keeper, ...options })
  } finally {
    await store.close()
  }
}

/** Founds the platform with what the offline root signed. @returns the root it has from now on, to be compared */
export async function mergeFounding(
  options: Pick<StartOptions, 'data' | 'domain' | 'now' | 'random'>,
  answer: Uint8Array,
): Promise<Certificate> {
  const { store, keeper } = await openData(options)
  try {
    if (!(await store.platform())) checkNeverFounded(options.data)
    return await found(store, keeper, answer, options.now(), serverVerify)
  } finally {
    await store.close()
  }
}
