import { existsSync, readFileSync } from 'node:fs'
import type { Certificate } from '@mintmark/core/signed'
import { dataFiles } from './data-files.ts'
import { openKeeper } from './keeper/keeper.ts'
import { found, requestFounding } from './operations/found.ts'
import { ledgerSigner } from './platform.ts'
import { openData, type StartOptions } from './start.ts'
import { openSqlite, Store } from './store/index.ts'
import { serverVerify } from './verify.ts'

// A platform with an offline root is founded before it first runs, on its data directory alone.

/** The domain that a data directory was made for; undefined where there is none yet. */
export function domainOf(data: string): string | undefined {
  const { platform } = dataFiles(data)
  if (!existsSync(platform)) return undefined
  return (JSON.parse(readFileSync(platform, 'utf8')) as { domain: string }).domain
}

/** Whether the root has signed this platform's CAs. Only reads: the platform of the directory may be running. */
export async function isFounded(data: string): Promise<boolean> {
  const domain = domainOf(data)
  const files = dataFiles(data)
  if (domain === undefined || !existsSync(files.database)) return false
  const database = openSqlite(files.database, { readOnly: true })
  const store = new Store(database, ledgerSigner(openKeeper(files.keeper), domain))
  try {
    return (await store.platform()) !== undefined
  } finally {
    await store.close()
  }
}

/** Makes the data directory and the platform's keys. @returns the request for the offline root */
export async function prepareFounding(
  options: Pick<StartOptions, 'data' | 'domain' | 'now' | 'random'>,
): Promise<Uint8Array> {
  const { store, keeper } = openData(options)
  try {
    return await requestFounding({ keeper, ...options })
  } finally {
    await store.close()
  }
}

/** Founds the platform with what the offline root signed. @returns the root it has from now on, to be compared */
export async function mergeFounding(
  options: Pick<StartOptions, 'data' | 'domain' | 'now'>,
  answer: Uint8Array,
): Promise<Certificate> {
  const { store, keeper } = openData(options)
  try {
    return await found(store, keeper, answer, options.now(), serverVerify)
  } finally {
    await store.close()
  }
}
