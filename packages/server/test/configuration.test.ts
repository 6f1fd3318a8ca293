import { utf8 } from '@mintmark/core/bytes'
import { nodeSha256 } from '@mintmark/elements'
import { expect, test } from 'vitest'
import { readEffective } from '../src/operations/configuration.ts'
import type { Platform } from '../src/platform.ts'

/** A store of which only labels and configurations are asked, and in which something happens between two reads. */
function scene(between: (change: Changes) => void) {
  const contents = new Map<string, string>()
  const rows: { target: string; version: number; digest: Uint8Array }[] = []
  let labelled = { labels: '', version: 0 }
  let version = 0
  let due = true
  const changes: Changes = {
    set(target, content) {
      const digest = nodeSha256(utf8(content))
      contents.set(digest.join(), content)
      rows.push({ target, version: ++version, digest })
    },
    label(labels) {
      labelled = { labels, version: ++version }
    },
  }
  const store = {
    configVersion: async () => version,
    async labelled() {
      const read = labelled
      if (due) between(changes)
      due = false
      return read
    },
    configurations: async (_: string, { target }: { target: string }) =>
      rows.filter(row => row.target === target).toReversed(),
    configContent: async (digest: Uint8Array) => contents.get(digest.join()),
  }
  return { changes, platform: { store } as unknown as Platform }
}

interface Changes {
  set(target: string, content: string): void
  label(labels: string): void
}

test('is never put together from before and after a change: its number would hide what is missing', async () => {
  const { changes, platform } = scene(({ label, set }) => {
    label('site=berlin')
    set('fleet', '{"rate":2}')
  })
  changes.set('fleet', '{"rate":1}')
  changes.set('label:site=berlin', '{"berlin":true}')
  expect(await readEffective(platform, 'acme', 'device-1')).toMatchObject({
    version: 4,
    text: '{"berlin":true,"rate":2}',
  })
  expect(await readEffective(platform, 'acme', 'device-1', 4)).toEqual({ version: 4, unchanged: true })
})
