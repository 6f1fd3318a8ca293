import { statSync } from 'node:fs'
import { join } from 'node:path'
import { MemoryNonceStore } from '@mintmark/agent'
import { type AgentHome, openHome } from '@mintmark/agent/node'
import { type Identity, keptEncryptionKeys, provideEncryptionKeys } from '@mintmark/agent/sidecar'
import { homeState } from '@mintmark/device'
import { lockHome } from '@mintmark/device/lock'
import { type Outcome, startAnnouncing } from './announcing.ts'

export interface OpenedIdentity {
  readonly identity: Identity
  /** Resolves when the platform has said what it thinks of the encryption key, or nothing in time. */
  readonly announced: Promise<void>
  close(): Promise<void>
}

/**
 * Who lives in a home, opened again when that has changed: a daemon may change its key, or end it. What was sealed to it
 * is opened with the encryption keys that are there, whether they are announced still or not.
 * One process a home: another one would know other nonces, and take the same message again.
 * @param told where an encryption key is to be announced: what came of it
 * @throws Refused `home-missing`, `home-retired`, `home-damaged`, `home-in-use`, `forbidden`
 */
export async function openIdentity(directory: string, told?: (outcome: Outcome) => void): Promise<OpenedIdentity> {
  const nonces = new MemoryNonceStore({ now: Date.now })
  let seen = look(directory)
  let opened: Promise<AgentHome> = openHome(directory)
  const end = () => opened.then(home => home.close()).catch(() => undefined)
  await opened
  const lock = await lockHome(directory, 'sidecar').catch((error: unknown) => {
    end()
    throw error
  })
  try {
    const encryption = await (told ? provideEncryptionKeys(directory) : keptEncryptionKeys(directory))
    const announcing = told && encryption && startAnnouncing({ home: directory, encryption, told })
    return {
      identity: async () => {
        const now = look(directory)
        if (now !== seen) {
          end()
          seen = now
          opened = openHome(directory)
        }
        const { key, registry, audiences } = await opened
        const announced = announcing?.holds(key)
        return { key, registry, audiences, nonces, ...(encryption && { encryption }), announced }
      },
      announced: announcing?.first ?? Promise.resolve(),
      close: async () => {
        await announcing?.close()
        lock.release()
        await end()
      },
    }
  } catch (error) {
    lock.release()
    end()
    throw error
  }
}

/** What is another text where a home is not the same any more. */
function look(directory: string): string {
  const state = homeState(directory)
  if (state !== 'enrolled') return state
  const { ino, mtimeMs, size } = statSync(join(directory, 'home.json'))
  return [ino, mtimeMs, size].join()
}
