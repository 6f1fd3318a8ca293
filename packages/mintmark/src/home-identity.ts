import { statSync } from 'node:fs'
import { join } from 'node:path'
import { MemoryNonceStore } from '@mintmark/agent'
import { type AgentHome, openHome } from '@mintmark/agent/node'
import type { Identity } from '@mintmark/agent/sidecar'
import { homeState } from '@mintmark/device'
import { lockHome } from '@mintmark/device/lock'

/**
 * Who lives in a home, opened again when that has changed: a daemon may change its key, or end it.
 * One process a home: another one would know other nonces, and take the same message again.
 * @throws Refused `home-missing`, `home-retired`, `home-damaged`, `home-in-use`
 */
export async function openIdentity(directory: string): Promise<{ readonly identity: Identity; close(): void }> {
  const nonces = new MemoryNonceStore({ now: Date.now })
  let seen = look(directory)
  let opened: Promise<AgentHome> = openHome(directory)
  const end = () => opened.then(home => home.close()).catch(() => undefined)
  await opened
  const lock = await lockHome(directory, 'sidecar').catch((error: unknown) => {
    end()
    throw error
  })
  return {
    identity: async () => {
      const now = look(directory)
      if (now !== seen) {
        end()
        seen = now
        opened = openHome(directory)
      }
      const { key, registry, audiences } = await opened
      return { key, registry, audiences, nonces }
    },
    close: () => {
      lock.release()
      end()
    },
  }
}

/** What is another text where a home is not the same any more. */
function look(directory: string): string {
  const state = homeState(directory)
  if (state !== 'enrolled') return state
  const { ino, mtimeMs, size } = statSync(join(directory, 'home.json'))
  return [ino, mtimeMs, size].join()
}
