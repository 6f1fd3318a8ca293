import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { Refused } from '@mintmark/core/errors'
import type { KeyAlgorithm } from '@mintmark/core/keys'
import type { Key } from '@mintmark/core/keys/sign'
import { createKeyFile, openKeyFile, provideWrappingSecret } from '@mintmark/elements'

/** The platform's online keys by what they are for. None of them can sign a root, a charter or a release. */
export type KeyName = 'server-ca' | 'people-ca' | 'notice' | `fleet-ca-${string}` | `ledger-${string}`

/** Custody of the platform's online keys: it makes them and signs with them, and tells nothing else. */
export interface Keeper {
  /** Opens the key, or makes it where there is none: the same one for every process of the platform. */
  provide(name: KeyName): Promise<Key>
  /** The key; it must be there. */
  key(name: KeyName): Key
  /** Takes over what other processes made, and gives them what was made here. */
  share(): Promise<void>
}

/** Where processes that have copies of one data directory pass keys to each other, wrapped under a secret of theirs. */
export interface SharedKeys {
  /** Keeps a wrapped key under a name that has none yet. @returns the one that is kept */
  keep(name: string, wrapped: Uint8Array): Promise<Uint8Array>
  all(): Promise<readonly { readonly name: string; readonly wrapped: Uint8Array }[]>
}

/**
 * Keys as PKCS#8 files of mode 0600 in a directory of mode 0700.
 * @param shared where there are other processes, each with a directory of its own
 */
export function openKeeper(directory: string, shared?: SharedKeys): Keeper {
  const opened = new Map<KeyName, Key>()
  const file = (name: string): string => join(directory, `${name}.pem`)
  const remember = (name: KeyName): Key => {
    const key = openKeyFile(file(name))
    opened.set(name, key)
    return key
  }
  const create = (name: KeyName): void => {
    try {
      createKeyFile(file(name), algorithmOf(name))
    } catch (error) {
      // Another process with this directory was quicker.
      if (!(error instanceof Refused && error.code === 'file-exists')) throw error
    }
  }
  const secret = () => {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    return provideWrappingSecret(join(directory, 'wrapping.key'))
  }

  /** The key that everyone has under this name; a file of ours that came second gives way: nothing was signed with it. */
  const agree = async (name: KeyName, { keep }: SharedKeys): Promise<void> => {
    const wrapped = secret().wrap(file(name), name)
    const kept = await keep(name, wrapped)
    if (!Buffer.from(kept).equals(wrapped)) takeOver(name, kept)
  }
  const takeOver = (name: string, wrapped: Uint8Array): void => {
    try {
      secret().unwrap(wrapped, name, file(name))
    } catch (cause) {
      if (!(cause instanceof Refused)) throw cause
      throw new Refused('key-refused', `${name} of another process`, {
        cause,
        hint: `${directory} is not a copy of the other process's: copy wrapping.key from there`,
      })
    }
  }

  return {
    async provide(name) {
      const known = opened.get(name)
      if (known) return known
      mkdirSync(directory, { recursive: true, mode: 0o700 })
      if (!existsSync(file(name))) create(name)
      if (shared) await agree(name, shared)
      return remember(name)
    },
    key: name => opened.get(name) ?? remember(name),
    async share() {
      secret()
      if (shared === undefined) return
      const kept = new Set<string>()
      for (const { name, wrapped } of await shared.all()) {
        kept.add(name)
        if (!existsSync(file(name))) takeOver(name, wrapped)
      }
      const held = readdirSync(directory).flatMap(each => (each.endsWith('.pem') ? [each.slice(0, -4) as KeyName] : []))
      for (const name of held) if (!kept.has(name)) await agree(name, shared)
    },
  }
}

/** CAs sign with P-256, which every relying party verifies; checkpoints are Ed25519 notes (C2SP signed-note). */
const algorithmOf = (name: KeyName): KeyAlgorithm => (name.startsWith('ledger-') ? 'Ed25519' : 'P-256')
