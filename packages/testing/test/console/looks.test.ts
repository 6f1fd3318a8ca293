import type { BrowserContextOptions } from 'playwright-core'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Tab } from '../../src/console.ts'
import { describeConsole } from './scene.ts'

// Every page and every dialog, in both themes and on a phone.

const dialogs: readonly (readonly [what: string, path: string, open: (tab: Tab) => Promise<void>])[] = [
  ['the menu', '#/', ({ page }) => menu(page)],
  ['the shortcuts', '#/', ({ page }) => page.keyboard.press('?')],
  ['a new fleet', '#/', ({ page }) => page.getByRole('button', { name: 'New fleet' }).click()],
  ['a question', '#/fleets/acme/devices/device-1', ({ page }) => failing(page, 'Revoke…', 'Revoke')],
  ['labels', '#/fleets/acme/devices/device-1', ({ page }) => page.getByRole('button', { name: /^Change/ }).click()],
  ['a configuration of a device', '#/fleets/acme/devices/device-1', ({ page }) => page.locator('summary').click()],
  ['a new token', '#/fleets/acme/new-token', ({ page }) => made(page, 'Make the token')],
  ['a fault', '#/fleets/acme/config', ({ page }) => fault(page)],
  ['another target', '#/fleets/acme/config', ({ page }) => page.getByRole('button', { name: /^For a label/ }).click()],
  ['grants', '#/operators/alice', ({ page }) => page.getByRole('button', { name: 'Change grants…' }).click()],
]

const pages = [
  '#/',
  '#/warnings',
  '#/warnings?of=nobody',
  '#/operators',
  '#/operators/alice',
  '#/invite',
  '#/ledger',
  '#/ledger/0',
  '#/fleets/acme',
  '#/fleets/acme?search=nobody',
  '#/fleets/empty',
  '#/fleets/acme/devices/device-1',
  `#/fleets/acme/devices/${'l'.repeat(64)}`,
  '#/fleets/acme/devices/never-seen',
  '#/fleets/acme/tokens?all=yes',
  '#/fleets/empty/tokens',
  '#/fleets/acme/new-token',
  '#/fleets/acme/new-token?replaces=device-1',
  '#/fleets/acme/config',
  '#/fleets/acme/config?version=1',
  '#/fleets/acme/ledger',
  '#/fleets/acme/ledger?kind=refused',
  '#/fleets/acme/ledger/1',
  '#/fleets/nobody',
  '#/nowhere',
]

type Page = Tab['page']

/** On a phone only; where there is no button, the menu is open as it is. */
async function menu(page: Page): Promise<void> {
  const button = page.getByRole('button', { name: 'Menu' })
  if (await button.isVisible()) await button.click()
}

async function failing(page: Page, open: string, go: string): Promise<void> {
  await page.getByRole('button', { name: open }).click()
  await page.getByRole('dialog').getByRole('button', { name: go, exact: true }).click()
}

async function made(page: Page, go: string): Promise<void> {
  await page.getByRole('button', { name: go }).click()
  await page.getByRole('img', { name: 'The token as a QR code' }).waitFor()
}

async function fault(page: Page): Promise<void> {
  await page.getByRole('textbox', { name: 'Configuration, JSON' }).fill('{')
  await page.getByRole('button', { name: 'Set the configuration' }).click()
  await page.getByText(/^Line 1/).waitFor()
}

describeConsole('the console, looked at', scene => {
  beforeAll(async () => {
    const { platform } = scene
    await platform.makeFleet('empty')
    await platform.makeToken('acme', { name: 'device-2' })
    await platform.enrollDevice('acme', 'device-1')
    const long = await platform.enrollDevice('acme', 'l'.repeat(64))
    await platform.revoke(long, 'r'.repeat(200))
    await platform.call('GET', '/v1/me', { as: long.tls })
    const { csr } = await platform.makeKey()
    await platform.enroll((await platform.makeToken('acme', { name: 'device-3' })).text, csr, 'device-4')
    const set = (body: object) => platform.operator('PUT', '/v1/fleets/acme/config', body)
    await set({ configuration: { every: 60, to: `https://${'c'.repeat(200)}.test` }, reason: 'r'.repeat(200) })
    await set({ configuration: { every: 5 }, target: 'label:site=berlin' })
    const labels = ['site=berlin', `key=${'v'.repeat(64)}`]
    await platform.operator('POST', '/v1/fleets/acme/devices/device-1/labels', { labels })
    await platform.enrollOperator('alice', 'auditor:acme fleet-operator:acme,empty')
    await platform.operator('POST', '/v1/operators', { name: 'bob', grants: 'admin:*', ttl: 3_600_000 })
  })

  describe.each<[string, BrowserContextOptions]>([
    ['light', { colorScheme: 'light' }],
    ['dark', { colorScheme: 'dark' }],
    ['on a phone', { colorScheme: 'light', viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true }],
    ['on a phone, dark', { colorScheme: 'dark', viewport: { width: 360, height: 740 } }],
  ])('%s', (_, options) => {
    const wrong = async (what: string): Promise<string[]> => {
      const tab = scene.tab!
      // Both are of the same moment: what is pressed last has to be drawn.
      await tab.page.evaluate('new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))')
      const overhang = await tab.overhang()
      const found = await tab.barriers(options.colorScheme === 'dark' ? 'colours' : 'all')
      return [...found, ...(overhang > 0 ? [`${overhang} pixels too wide`] : [])].map(each => `${what}: ${each}`)
    }

    test('every page fits, and has no barrier that axe finds', { timeout: 240_000 }, async () => {
      await scene.open('', { ...options, bypassCSP: true })
      const found = await wrong('sign-in')
      await scene.tab!.close()
      await scene.signIn('#/', { ...options, bypassCSP: true })
      for (const path of pages) {
        await scene.tab!.go(path)
        found.push(...(await wrong(path)))
      }
      expect(found).toEqual([])
    })

    test('every dialog and every notice does', { timeout: 240_000 }, async () => {
      await scene.signIn('#/', { ...options, bypassCSP: true })
      const found: string[] = []
      for (const [what, path, open] of dialogs) {
        await scene.tab!.go('#/nowhere')
        await scene.tab!.go(path)
        await open(scene.tab!)
        found.push(...(await wrong(what)))
        await scene.tab!.page.keyboard.press('Escape')
      }
      expect(found).toEqual([])
    })
  })
})
