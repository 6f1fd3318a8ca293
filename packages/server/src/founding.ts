import { existsSync } from 'node:fs'
import { Refused } from '@mintmark/core/errors'
import type { Certificate } from '@mintmark/core/signed'
import { dataFiles, domainOf } from './data-files.ts'
import { openKeeper } from './keeper/keeper.ts'
import { type DatabaseChoice, openForReading } from './open-database.ts'
import { found, requestFounding } from './operations/found.ts'
import { ledgerSigner } from './platform.ts'
import { checkNeverFounded, openData, type StartOptions } from './start.ts'
import { Store } from './store/index.ts'
import { serverVerify } from './verify.ts'

// A platform with an offline root is founded before it first runs, on its data directory alone.

/** Whether the root has signed this platform's CAs. Only reads: the platform of the directory may be running. */
export async function isFounded(data: string, choice: DatabaseChoice = {}): Promise<boolean> {
  const domain = domainOf(data)
  const database = domain === undefined ? undefined : await openForReading(data, choice)
  if (domain === undefined || database === undefined) return false
  const store = new Store(database, ledgerSigner(openKeeper(dataFiles(data).keeper), domain))
  try {
    return (await store.platform()) !== undefined
  } finally {
    await store.close()
  }
}

/** Makes the data directory and the platform's keys. @returns the request for the offline root */
export async function prepareFounding(
  options: Pick<StartOptions, 'data' | 'domain' | 'database' | 'now' | 'random'>,
): Promise<Uint8Array> {
  checkNotRehearsed(options.data)
  const { store, keeper } = await openData(options)
  try {
    if (!(await store.platform())) checkNeverFounded(options.data)
    return await requestFounding({ keeper, ...options })
  } finally {
    await store.close()
  }
}

/** Where `up` began a platform with a root of its own, it would go on with that one. */
function checkNotRehearsed(data: string): void {
  const { development } = dataFiles(data)
  if (!existsSync(development)) return
  throw new Refused('file-exists', development, {
    hint: `a platform was begun here with a development root: name another --data, or remove ${data} if nothing runs on it`,
  })
}

/** Founds the platform with what the offline root signed. @returns the root it has from now on, to be compared */
export async function mergeFounding(
  options: Pick<StartOptions, 'data' | 'domain' | 'database' | 'now' | 'random'>,
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
