import { existsSync } from 'node:fs'
import { Refused } from '@mintmark/core/errors'
import { dataFiles, settingsOf } from './data-files.ts'
import { type Database, openPostgres, openSqlite } from './store/index.ts'

export interface DatabaseChoice {
  /** Where the PostgreSQL database is now, where that is not what the data directory remembers. */
  readonly database?: string | undefined
}

/**
 * The database of a data directory: the file in it, or the one on a PostgreSQL server that it names.
 * @param failed told where the disk under a file failed
 * @throws Refused `database-other` where a platform with its database inside is asked to take another one
 */
export async function openDatabase(
  data: string,
  { database: asked }: DatabaseChoice,
  failed?: (error: Error) => void,
): Promise<Database> {
  const url = urlOf(data, asked)
  return url === undefined ? openSqlite(dataFiles(data).database, { failed }) : openPostgres(url)
}

/** For reading alone, beside a platform that may be running; undefined where there is none yet. */
export async function openForReading(data: string, { database: asked }: DatabaseChoice): Promise<Database | undefined> {
  const { database: file } = dataFiles(data)
  const url = urlOf(data, asked)
  if (settingsOf(data) === undefined || (url === undefined && !existsSync(file))) return undefined
  try {
    return url === undefined ? openSqlite(file, { readOnly: true }) : await openPostgres(url, { readOnly: true })
  } catch (error) {
    // Its founding was cut short before there were tables.
    if (error instanceof Refused && error.code === 'data-missing') return undefined
    throw error
  }
}

function urlOf(data: string, asked: string | undefined): string | undefined {
  const kept = settingsOf(data)
  if (kept !== undefined && kept.database === undefined && asked !== undefined) {
    throw new Refused('database-other', `it is ${dataFiles(data).database}`)
  }
  return asked ?? kept?.database
}
