import { base64url, equal } from '@mintmark/core/bytes'
import { Refused } from '@mintmark/core/errors'
import { admitSpki } from '@mintmark/core/keys'
import type { Identity } from '@mintmark/core/proof'
import { change } from '@mintmark/core/rules'
import { readEncryptionKey } from '@mintmark/core/signed'
import type { Platform } from '../platform.ts'

/** Keeps a device's own word which key messages to it are sealed to. The same word again adds no fact. */
export async function publishEncryptionKey(platform: Platform, { path, fleet }: Identity, statement: Uint8Array) {
  const record = await platform.store.recordWithKeys(path)
  if (record === undefined) throw new Refused('unknown')
  const { key, version, expires } = await readEncryptionKey(statement, admitSpki(record.spki), platform.verify)
  const known = await platform.store.sealing(path)
  if (!(known && equal(known.statement, statement))) {
    const body = { identity: path, version, statement }
    await platform.store.commit(
      change({ kind: 'sealing.published', at: platform.now(), by: path, ledger: fleet, body }),
    )
  }
  return { version, key: base64url(key), expires: new Date(expires).toISOString() }
}
