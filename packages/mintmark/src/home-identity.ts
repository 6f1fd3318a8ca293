import { statSync } from 'node:fs'
import { join } from 'node:path'
import { MemoryNonceStore } from '@mintmark/agent'
import { type AgentHome, openHome } from '@mintmark/agent/node'
import type { Identity } from '@mintmark/agent/sidecar'
import { homeState } from '@mintmark/device'

/**
 * Who lives in a home, opened again when that has changed: a daemon may change its key, or end it.
 * @throws Refused `home-missing`, `home-retired`, `home-damaged`
 */
export async function openIdentity(directory: string): Promise<{ readonly identity: Identity; close(): void }> {
  const nonces = new MemoryNonceStore({ now: Date.now })
  let seen = look(directory)
  let opened: Promise<AgentHome> = openHome(directory)
  await opened
  const end = () => opened.then(home => home.close()).catch(() => undefined)
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
    close: end,
  }
}

/** What is another text where a home is not the same any more. */
function look(directory: string): string {
  const state = homeState(directory)
  if (state !== 'enrolled') return state
  const { ino, mtimeMs, size } = statSync(join(directory, 'home.json'))
  return [ino, mtimeMs, size].join()
}
