import { beforeAll, describe, expect, test } from 'vitest'
import { describeConsole } from './scene.ts'

// With no pointer at all. `focused` is what a screen reader would say of where the focus is.

describeConsole('the console, by keyboard', scene => {
  const keyboard = () => scene.tab!.page.keyboard
  const focused = async (): Promise<string> =>
    (await scene.tab!.page.evaluate(`(() => {
      const { activeElement: at } = document
      return at.getAttribute('aria-label') ?? at.labels?.[0]?.innerText ?? at.textContent
    })()`)) as string

  /** Goes on with Tab until something of this name has the focus. */
  async function tabTo(name: string): Promise<void> {
    const seen: string[] = []
    for (let i = 0; i < 60; i++) {
      await keyboard().press('Tab')
      const here = (await focused()).trim()
      if (here === name) return
      seen.push(here)
    }
    throw new Error(`${name} is not reached: ${seen.join(' | ')}`)
  }

  beforeAll(async () => {
    for (const name of ['device-1', 'device-2', 'device-3']) await scene.platform.enrollDevice('acme', name)
  })

  test('someone signs in, finds a device and revokes it', async () => {
    const page = await scene.signIn()
    await tabTo('acme')
    await keyboard().press('Enter')
    await page.getByRole('heading', { level: 1, name: 'Devices of fleet acme' }).waitFor()
    // What a screen reader says first of a new page is its heading.
    await scene.tab!.until("document.activeElement.tagName === 'H1'")
    await tabTo('Search devices by a part of their name, or by a label such as site=berlin')
    await keyboard().type('device-2')
    await page.getByRole('status').getByText('1 device').waitFor()
    await tabTo('device-2')
    await keyboard().press('Enter')
    await page.getByRole('heading', { level: 1, name: 'device-2' }).waitFor()
    await scene.tab!.until("document.activeElement.tagName === 'H1'")
    await tabTo('Revoke…')
    await keyboard().press('Enter')
    expect(await focused()).toBe('Type device-2 to say which one')
    await keyboard().type('device-2')
    await keyboard().press('Tab')
    await keyboard().type('lost')
    await keyboard().press('Enter')
    await page.getByRole('status').getByText('device-2 is revoked.').waitFor()
    expect(await scene.device('device-2')).toMatchObject({ standing: 'revoked', reason: 'lost' })
  })

  test('a dialog keeps the focus, closes with Escape, and gives it back', async () => {
    const page = await scene.signIn('#/fleets/acme/devices/device-1')
    await tabTo('Decommission…')
    await keyboard().press('Enter')
    for (let i = 0; i < 12; i++) {
      await keyboard().press('Tab')
      // Beyond the dialog is the browser itself, and no part of the page.
      expect(await page.evaluate("document.activeElement.closest('dialog, body').tagName")).toMatch(/DIALOG|BODY/)
      expect(
        await page.evaluate(
          "document.activeElement.closest('main, header') === null || document.querySelector('dialog').contains(document.activeElement)",
        ),
      ).toBe(true)
    }
    await keyboard().press('Escape')
    expect(await focused()).toBe('Decommission…')
  })

  test('what is around the page can be passed over', async () => {
    await scene.signIn('#/fleets/acme')
    await scene.tab!.page.reload()
    await scene.tab!.page.getByRole('link', { name: 'device-1' }).waitFor()
    await keyboard().press('Tab')
    expect(await focused()).toBe('To the content')
    await keyboard().press('Enter')
    expect(await scene.tab!.page.evaluate('document.activeElement.tagName')).toBe('H1')
  })

  describe('single keys', () => {
    test('lead everywhere, and are listed', async () => {
      const page = await scene.signIn('#/fleets/acme')
      await keyboard().press('?')
      const sheet = page.getByRole('dialog', { name: 'Keyboard shortcuts' })
      await sheet.getByText('Tokens of acme').waitFor()
      // In a dialog they mean nothing.
      await keyboard().press('n')
      await keyboard().press('Escape')
      await sheet.waitFor({ state: 'detached' })
      for (const [keys, hash] of [
        ['gt', '#/fleets/acme/tokens'],
        ['n', '#/fleets/acme/new-token'],
        ['gc', '#/fleets/acme/config'],
        ['ga', '#/fleets/acme/ledger'],
        ['gd', '#/fleets/acme'],
        ['gp', '#/operators'],
        ['gl', '#/ledger'],
        ['go', '#/'],
      ] as const) {
        await keyboard().type(keys)
        await scene.tab!.until(`location.hash === ${JSON.stringify(hash)}`)
        await scene.tab!.until("document.querySelector('main').ariaBusy === 'false'")
      }
    })

    test('are only letters where someone writes, and can be turned off', async () => {
      const page = await scene.signIn('#/fleets/acme')
      await keyboard().press('/')
      await keyboard().type('nogo?')
      expect(await page.getByRole('searchbox').inputValue()).toBe('nogo?')
      expect(await page.getByRole('dialog').count()).toBe(0)
      await page.getByRole('button', { name: /^Keyboard shortcuts/ }).click()
      await page.getByLabel('Single keys do something').uncheck()
      await keyboard().press('Escape')
      await page.reload()
      await page.getByRole('heading', { level: 1 }).waitFor()
      await keyboard().press('?')
      await keyboard().type('go')
      expect(await page.getByRole('dialog').count()).toBe(0)
      expect(new URL(page.url()).hash).toMatch(/^#\/fleets\/acme/)
    })

    test('arrows go along the rows from the search field', async () => {
      await scene.signIn('#/fleets/acme')
      await keyboard().press('/')
      for (const name of ['device-1', 'device-2', 'device-3', 'device-3']) {
        await keyboard().press('ArrowDown')
        expect(await focused()).toBe(name)
      }
      await keyboard().press('ArrowUp')
      expect(await focused()).toBe('device-2')
    })
  })
})
