import { describe, expect, test } from 'vitest'
import { describeConsole } from './scene.ts'

describeConsole('the console, for whoever comes', scene => {
  describe('signing in', () => {
    test('says how, and has no password to type', async () => {
      const page = await scene.open()
      await expect(page.getByRole('heading', { level: 1 }).textContent()).resolves.toBe('Sign in to the console')
      await page.getByRole('button', { name: 'Copy the command' }).click()
      expect(await page.evaluate('navigator.clipboard.readText()')).toBe('mintmark console')
      expect(await page.locator('input').count()).toBe(0)
    })

    test('takes the link out of the address and spends it', async () => {
      const link = await scene.platform.makeLink()
      const page = await scene.open(`#link=${link}`)
      await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor()
      expect(page.url()).toBe(scene.tab!.address('#/'))
      expect(await page.evaluate('history.length')).toBe(2)
      expect((await scene.platform.browse('POST', '/console/session', { body: { link } })).body.code).toBe('link-spent')
      expect(await page.evaluate('document.cookie + JSON.stringify(localStorage)')).toBe('{}')
    })

    test('takes a link that is opened in a tab where the console is open', async () => {
      const page = await scene.signIn('#/fleets/acme/tokens')
      const before = await page.evaluate("sessionStorage.getItem('mintmark-session')")
      await page.goto(scene.tab!.address(`#link=${await scene.platform.makeLink()}`))
      await scene.tab!.until(`sessionStorage.getItem('mintmark-session') !== ${JSON.stringify(before)}`)
      await page.getByRole('heading', { level: 1, name: 'acme' }).waitFor()
      expect(new URL(page.url()).hash).toBe('#/fleets/acme/tokens')
    })

    test('says that a link was used, or is over', async () => {
      const link = await scene.platform.makeLink()
      await scene.platform.browse('POST', '/console/session', { body: { link } })
      const page = await scene.open(`#link=${link}`)
      await page.getByText('There is no such sign-in link, or it was used, or it is over.').waitFor()
      expect(new URL(page.url()).hash).toBe('#/')
    })

    test('lasts over a reload, in this tab alone', async () => {
      const page = await scene.signIn('#/fleets/acme')
      await page.reload()
      await page.getByRole('heading', { level: 1, name: 'acme' }).waitFor()
      const other = await page.context().newPage()
      await other.goto(scene.tab!.address('#/fleets/acme'))
      await other.getByRole('heading', { level: 1, name: 'Sign in to the console' }).waitFor()
    })

    test('ends by signing out, and nothing of it stays', async () => {
      const page = await scene.signIn('#/fleets/acme')
      const { session } = JSON.parse((await page.evaluate("sessionStorage.getItem('mintmark-session')")) as string)
      await page.getByRole('button', { name: 'Sign out' }).click()
      await page.getByText('You are signed out.').waitFor()
      const headers = { authorization: `Session ${session}` }
      expect((await scene.platform.browse('GET', '/v1/me', { headers })).body.code).toBe('session-ended')
      expect(await page.evaluate('JSON.stringify(sessionStorage)')).toBe('{}')
      await page.goBack()
      await page.getByRole('heading', { level: 1, name: 'Sign in to the console' }).waitFor()
      expect(await page.getByText('acme').count()).toBe(0)
    })

    test('ends with the session, and says why', async () => {
      const page = await scene.signIn('#/fleets/acme')
      scene.platform.clock.advance(16 * 60_000)
      await page.getByRole('link', { name: 'Tokens' }).click()
      await page.getByRole('heading', { level: 1, name: 'Sign in to the console' }).waitFor()
      await page.getByText('There is no such session, or it has ended.').waitFor()
      expect(await page.evaluate('JSON.stringify(sessionStorage)')).toBe('{}')
    })

    test('ends by itself where nobody asks for anything', async () => {
      const page = await scene.open()
      await page.clock.install()
      await page.goto(scene.tab!.address(`#link=${await scene.platform.makeLink()}`))
      await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor()
      await page.clock.fastForward(899_000)
      expect(await page.getByRole('heading', { level: 1, name: 'Overview' }).count()).toBe(1)
      await page.clock.fastForward(1_500)
      await page.getByText('You were signed out: nothing was asked for 15 minutes.').waitFor()
      expect(await page.getByText('acme').count()).toBe(0)
    })
  })
})
