import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { provideEncryptionKeys } from '@mintmark/agent/sidecar'
import { enroll } from '@mintmark/device'
import { expect, onTestFinished, test, vi } from 'vitest'
import { fresh } from '../../device/test/listening.ts'
import { TestPlatform } from '../../device/test/platform.ts'
import { announcedLine, type Outcome, startAnnouncing } from '../src/announcing.ts'

test('what was not announced is tried again within a minute, though nobody asks', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] })
  onTestFinished(() => void vi.useRealTimers())
  const platform = await TestPlatform.start()
  const home = fresh('home')
  await enroll({ token: platform.token(), home, now: Date.now })
  platform.instead = call => (call === 'PUT /v1/encryption-key' ? { status: 200, body: {} } : undefined)
  const facts = join(home, 'home.json')
  const text = readFileSync(facts, 'utf8')
  writeFileSync(facts, text.replace(platform.url, 'https://localhost:1'))

  const said: Outcome[] = []
  const next = { come: () => undefined as unknown }
  const told = (outcome: Outcome) => {
    said.push(outcome)
    next.come()
  }
  const announcing = startAnnouncing({ home, encryption: await provideEncryptionKeys(home), told })
  onTestFinished(() => announcing.close())
  await announcing.first
  writeFileSync(facts, text)
  const again = new Promise(resolve => {
    next.come = () => resolve(undefined)
  })
  vi.advanceTimersByTime(60_000)
  await again
  const lines = said.map(outcome => announcedLine(outcome, error => ({ why: String(error) })))
  expect(lines).toMatchObject([
    { level: 'warn', event: 'failed', facts: { task: 'announce', why: expect.stringContaining('unreachable') } },
    { level: 'info', event: 'announced', facts: { did: JSON.parse(text).did } },
  ])

  announcing.close()
  platform.seen.length = 0
  vi.advanceTimersByTime(600_000)
  expect([vi.getTimerCount(), platform.seen]).toEqual([0, []])
})
