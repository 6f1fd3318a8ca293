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
      await page.getByText(/^You were signed out\. A session ends after 15 minutes without use/).waitFor()
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

    test('says who it was for, and shows it ever after', async () => {
      const alice = await scene.platform.enrollOperator('alice', 'auditor:acme')
      const page = await scene.signIn('#/', {}, alice.tls)
      await page.getByRole('status').getByText('You are signed in as alice.').waitFor()
      for (const place of ['#/', '#/fleets/acme', '#/nowhere']) {
        await scene.tab!.go(place)
        expect(await page.getByRole('banner').innerText()).toMatch(/Signed in as\s+alice/)
      }
      await page.setViewportSize({ width: 360, height: 740 })
      expect(await page.getByRole('banner').innerText()).toMatch(/Signed in as\s+alice/)
    })

    test('warns two minutes before it ends by itself, and goes on by one key', async () => {
      const page = await scene.open()
      await page.clock.install()
      await page.goto(scene.tab!.address(`#link=${await scene.platform.makeLink()}`))
      await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor()
      await page.clock.fastForward(781_000)
      await page.getByRole('alert').getByText('You will be signed out in two minutes.').waitFor()
      await page.getByRole('button', { name: 'Stay signed in' }).focus()
      await page.keyboard.press('Enter')
      await scene.tab!.until("!document.querySelector('[role=alert]').textContent.includes('signed out')")
      await page.clock.fastForward(200_000)
      expect(await page.getByRole('heading', { level: 1, name: 'Overview' }).count()).toBe(1)
    })

    test('does not end under the hands of who writes, and is not asked for at each key', async () => {
      const page = await scene.open()
      await page.clock.install()
      await page.goto(scene.tab!.address(`#link=${await scene.platform.makeLink()}`))
      await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor()
      await scene.tab!.go('#/fleets/acme/config')
      const field = page.getByRole('textbox', { name: 'Configuration, JSON' })
      await page.clock.fastForward(400_000)
      const asked: string[] = []
      page.on('request', sent => asked.push(new URL(sent.url()).pathname))
      const answer = page.waitForResponse('**/v1/me')
      await field.fill('{"a": 1')
      await answer
      await field.fill('{"a": 1}')
      expect(asked).toEqual(['/v1/me'])
      await page.clock.fastForward(600_000)
      expect(await field.inputValue()).toBe('{"a": 1}')
    })

    test('says ten minutes before that it ends after eight hours', async () => {
      const page = await scene.open()
      await page.clock.install()
      await page.goto(scene.tab!.address(`#link=${await scene.platform.makeLink()}`))
      await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor()
      const kept = (await page.evaluate("sessionStorage.getItem('mintmark-session')")) as string
      const end = Date.parse((JSON.parse(kept) as { expires: string }).expires)
      while (((await page.evaluate('Date.now()')) as number) + 600_000 < end) {
        await page.clock.fastForward(600_000)
        const answer = page.waitForResponse('**/v1/me')
        // As whoever works there does now and then; the platform's own clock stands still meanwhile.
        await page.evaluate("document.dispatchEvent(new InputEvent('input', { bubbles: true }))")
        await answer
      }
      await page.clock.fastForward(5_000)
      await page
        .getByRole('alert')
        .getByText(/^This session ends at \d\d:\d\d UTC, eight hours after it began/)
        .waitFor()
    })

    test('that ended loses nothing that was written, for the same operator alone', async () => {
      const { platform } = scene
      const writing = async (page: Awaited<ReturnType<typeof scene.open>>) => {
        await page.getByRole('textbox', { name: 'Configuration, JSON' }).fill('{"kept": true}')
        await page.getByLabel('Reason').fill('half a sentence')
        platform.clock.advance(16 * 60_000)
        await page.getByRole('link', { name: 'Tokens' }).click()
        await page.getByText('What you were writing is kept in this tab').waitFor()
        expect(await page.content()).not.toContain('half a sentence')
      }
      const page = await scene.signIn('#/fleets/acme/config')
      await writing(page)
      await page.goBack()
      await page.goto(scene.tab!.address(`#link=${await platform.makeLink()}`))
      await page.getByRole('heading', { level: 1, name: 'acme' }).waitFor()
      await scene.tab!.until("document.querySelector('textarea')?.value === '{\"kept\": true}'")
      expect(await page.getByLabel('Reason').inputValue()).toBe('half a sentence')
      expect(await page.evaluate('JSON.stringify([localStorage, sessionStorage])')).not.toContain('half a sentence')

      await writing(page)
      const bob = await platform.enrollOperator('bob', 'fleet-operator:acme')
      await page.goBack()
      await page.goto(scene.tab!.address(`#link=${await platform.makeLink(bob.tls)}`))
      await scene.tab!.until("document.querySelector('textarea')?.value === '{}'")
      expect(await page.getByLabel('Reason').inputValue()).toBe('')
    })

    test('ends at once for an operator who is revoked, and says so', async () => {
      const carol = await scene.platform.enrollOperator('carol', 'auditor:acme')
      const page = await scene.signIn('#/fleets/acme', {}, carol.tls)
      await scene.platform.operator('POST', '/v1/operators/carol/revoke', { reason: 'left' })
      await page.getByRole('link', { name: 'Tokens' }).click()
      await page.getByRole('alert').getByText('You were signed out.').waitFor()
      expect(await page.getByText('acme').count()).toBe(0)
    })
  })
})
