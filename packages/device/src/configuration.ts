import { existsSync, readFileSync } from 'node:fs'
import { hex, type Json, readJson, utf8, writeJson } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import { nodeSha256, writeFileDurably } from '@mintmark/elements'
import { file } from './home.ts'
import { fields } from './reply.ts'

//     {
//       "v": 1,
//       "version": 3,
//       "digest": "5f1c...",            SHA-256 (hex) of the configuration as one text (RFC 8785)
//       "configuration": {"interval": 60}
//     }

/** config.json: what the platform last gave this device. For programs on the device to read. */
export interface Configuration {
  /** 0 where none was ever set. */
  readonly version: number
  readonly digest: string
  readonly configuration: { readonly [name: string]: Json }
}

/** What is kept; undefined where nothing is, or nothing that its digest fits. */
export function keptConfiguration(directory: string): Configuration | undefined {
  const path = file(directory, 'configuration')
  if (!existsSync(path)) return undefined
  try {
    return readConfiguration(readJson(readFileSync(path)))
  } catch (error) {
    // Damaged: it is fetched anew.
    if (error instanceof Refused) return undefined
    throw error
  }
}

/**
 * Keeps the answer to `GET /v1/config`, which came over a connection that the platform proved, where it is another one
 * than is there.
 * @returns what is new
 */
export function keepConfiguration(directory: string, body: unknown): Configuration | undefined {
  const kept = keptConfiguration(directory)
  const { version, unchanged } = fields(body)
  if (unchanged === true && kept !== undefined && version === kept.version) return undefined
  const given = readConfiguration(body)
  if (kept?.version === given.version && kept.digest === given.digest) return undefined
  const text = `${JSON.stringify({ v: 1, ...given }, undefined, 2)}\n`
  // It may have secrets of the operator's in it.
  writeFileDurably(file(directory, 'configuration'), utf8(text), { mode: 0o600, replace: true })
  return given
}

function readConfiguration(value: unknown): Configuration {
  const { version, digest, configuration } = fields(value)
  const isVersion = typeof version === 'number' && Number.isSafeInteger(version) && version >= 0
  const isObject = typeof configuration === 'object' && configuration !== null && !Array.isArray(configuration)
  if (!isVersion || typeof digest !== 'string' || !isObject) throw new Refused('reply-refused', 'no configuration')
  const given = configuration as Configuration['configuration']
  // The digest is what the platform stands for, so it is of what is kept.
  if (hex(nodeSha256(utf8(writeJson(given)))) !== digest) throw new Refused('reply-refused', 'of another digest')
  return { version, digest, configuration: given }
}
