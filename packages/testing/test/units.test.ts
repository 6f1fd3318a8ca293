import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { fences, page, pages, root } from './pages.ts'

// Units for systemd and the balancer in the documents are that: systemd and HAProxy read them, and have nothing to say.

const units = pages.flatMap(page =>
  fences(page)
    .filter(({ language, body }) => language === 'ini' && body.includes('[Service]'))
    .map(({ body }, i) => [`${page.path}, ${i + 1}`, body] as const),
)
const isThere = spawnSync('systemd-analyze', ['--version']).status === 0

test('there are units', () => {
  expect(units.length).toBeGreaterThan(1)
})

test.skipIf(!isThere).each(units)('the unit in %s is one', (_, body) => {
  const directory = mkdtempSync(join(tmpdir(), 'mintmark-unit-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  const path = join(directory, 'mintmark-test.service')
  // The command has to be where the unit says.
  writeFileSync(path, body.replaceAll('/opt/mintmark/', `${root}/`))
  const { status, stdout, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', path], { encoding: 'utf8' })
  expect([status, `${stdout}${stderr}`]).toEqual([0, ''])
})

const balancers = fences(page('docs/operator.md')).filter(({ body }) => body.startsWith('listen devices'))
const hasHaproxy = spawnSync('haproxy', ['-v']).status === 0

test('there is a balancer', () => {
  expect(balancers).toHaveLength(1)
})

test.skipIf(!hasHaproxy).each(balancers)('HAProxy reads the balancer and warns of nothing', ({ body }) => {
  const directory = mkdtempSync(join(tmpdir(), 'mintmark-balancer-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  const path = join(directory, 'haproxy.cfg')
  writeFileSync(path, body)
  const { status, stdout, stderr } = spawnSync('haproxy', ['-c', '-f', path], { encoding: 'utf8' })
  expect({ status, said: `${stdout}${stderr}` }).toEqual({ status: 0, said: expect.not.stringContaining('WARNING') })
})
