import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { KeyAlgorithm } from '@mintmark/core/keys'
import type { Key } from '@mintmark/core/keys/sign'
import { createKeyFile, openKeyFile } from '@mintmark/elements'

/** The platform's online keys by what they are for. None of them can sign a root, a charter or a release. */
export type KeyName = 'server-ca' | 'people-ca' | `fleet-ca-${string}` | `ledger-${string}`

/** Custody of the platform's online keys: it makes them and signs with them, and tells nothing else. */
export interface Keeper {
  /** Opens the key, or makes it where there is none. */
  provide(name: KeyName): Key
  /** The key; it must be there. */
  key(name: KeyName): Key
}

/** Keys as PKCS#8 files of mode 0600 in a directory of mode 0700. */
export function openKeeper(directory: string): Keeper {
  const opened = new Map<KeyName, Key>()
  const remember = (name: KeyName, key: Key): Key => {
    opened.set(name, key)
    return key
  }
  const file = (name: KeyName): string => join(directory, `${name}.pem`)
  const create = (name: KeyName): Key => {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    return createKeyFile(file(name), algorithmOf(name))
  }
  return {
    provide: name =>
      opened.get(name) ?? remember(name, existsSync(file(name)) ? openKeyFile(file(name)) : create(name)),
    key: name => opened.get(name) ?? remember(name, openKeyFile(file(name))),
  }
}

/** CAs sign with P-256, which every relying party verifies; checkpoints are Ed25519 notes (C2SP signed-note). */
const algorithmOf = (name: KeyName): KeyAlgorithm => (name.startsWith('ledger-') ? 'Ed25519' : 'P-256')
