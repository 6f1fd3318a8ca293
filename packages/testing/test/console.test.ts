import { existsSync } from 'node:fs'
import { readDidKey } from '@mintmark/core/keys'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { builtConsole, type ConsoleBrowser, chromiumPath, openConsoleBrowser, type Tab } from '../src/console.ts'
import { startTestPlatform, type TestPlatform } from '../src/platform.ts'

// Every flow of the console, in a real browser against a real platform: what was asked for in the page has to be so at
// the platform, and what happened at the platform has to be on the page.

describe.skipIf(!existsSync(chromiumPath))('the console', () => {
  let platform: TestPlatform
  let browser: ConsoleBrowser
  let tab: Tab | undefined

  beforeAll(async () => {
    platform = await startTestPlatform({ consoleAssets: builtConsole() })
    browser = await openConsoleBrowser(platform)
    await platform.makeFleet('acme', { isPublic: true })
  })
  afterAll(async () => {
    await browser.close()
    await platform.stop()
  })
  afterEach(async () => {
    const trouble = tab?.trouble ?? []
    await tab?.close()
    tab = undefined
    expect(trouble).toEqual([])
  })

  const signIn = async (path = '#/') => {
    tab = await browser.signIn(path)
    return tab.page
  }
  const device = async (name: string) => (await platform.operator('GET', `/v1/fleets/acme/devices/${name}`)).body

  describe('signing in', () => {
    test('says how, and has no password to type', async () => {
      tab = await browser.open()
      const { page } = tab
      await expect(page.getByRole('heading', { level: 1 }).textContent()).resolves.toBe('Sign in to the console')
      await page.getByRole('button', { name: 'Copy the command' }).click()
      expect(await page.evaluate('navigator.clipboard.readText()')).toBe('mintmark console')
      expect(await page.locator('input').count()).toBe(0)
    })

    test('takes the link out of the address and spends it', async () => {
      const link = await platform.makeLink()
      tab = await browser.open(`#link=${link}`)
      const { page } = tab
      await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor()
      expect(page.url()).toBe(tab.address('#/'))
      expect(await page.evaluate('history.length')).toBe(2)
      expect((await platform.browse('POST', '/console/session', { body: { link } })).body.code).toBe('link-spent')
      expect(await page.evaluate('document.cookie + JSON.stringify(localStorage)')).toBe('{}')
    })

    test('takes a link that is opened in a tab where the console is open', async () => {
      const page = await signIn('#/fleets/acme/tokens')
      const before = await page.evaluate("sessionStorage.getItem('mintmark-session')")
      await page.goto(tab!.address(`#link=${await platform.makeLink()}`))
      await tab!.until(`sessionStorage.getItem('mintmark-session') !== ${JSON.stringify(before)}`)
      await page.getByRole('heading', { level: 1, name: 'acme' }).waitFor()
      expect(new URL(page.url()).hash).toBe('#/fleets/acme/tokens')
    })

    test('says that a link was used, or is over', async () => {
      const link = await platform.makeLink()
      await platform.browse('POST', '/console/session', { body: { link } })
      tab = await browser.open(`#link=${link}`)
      await tab.page.getByText('There is no such sign-in link, or it was used, or it is over.').waitFor()
      expect(new URL(tab.page.url()).hash).toBe('#/')
    })

    test('lasts over a reload, in this tab alone', async () => {
      const page = await signIn('#/fleets/acme')
      await page.reload()
      await page.getByRole('heading', { level: 1, name: 'acme' }).waitFor()
      const other = await page.context().newPage()
      await other.goto(tab!.address('#/fleets/acme'))
      await other.getByRole('heading', { level: 1, name: 'Sign in to the console' }).waitFor()
    })

    test('ends by signing out, and nothing of it stays', async () => {
      const page = await signIn('#/fleets/acme')
      const { session } = JSON.parse((await page.evaluate("sessionStorage.getItem('mintmark-session')")) as string)
      await page.getByRole('button', { name: 'Sign out' }).click()
      await page.getByText('You are signed out.').waitFor()
      const headers = { authorization: `Session ${session}` }
      expect((await platform.browse('GET', '/v1/me', { headers })).body.code).toBe('session-ended')
      expect(await page.evaluate('JSON.stringify(sessionStorage)')).toBe('{}')
      await page.goBack()
      await page.getByRole('heading', { level: 1, name: 'Sign in to the console' }).waitFor()
      expect(await page.getByText('acme').count()).toBe(0)
    })

    test('ends with the session, and says why', async () => {
      const page = await signIn('#/fleets/acme')
      platform.clock.advance(16 * 60_000)
      await page.getByRole('link', { name: 'Tokens' }).click()
      await page.getByRole('heading', { level: 1, name: 'Sign in to the console' }).waitFor()
      await page.getByText('There is no such session, or it has ended.').waitFor()
      expect(await page.evaluate('JSON.stringify(sessionStorage)')).toBe('{}')
    })

    test('ends by itself where nobody asks for anything', async () => {
      tab = await browser.open()
      const { page } = tab
      await page.clock.install()
      await page.goto(tab.address(`#link=${await platform.makeLink()}`))
      await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor()
      await page.clock.fastForward(899_000)
      expect(await page.getByRole('heading', { level: 1, name: 'Overview' }).count()).toBe(1)
      await page.clock.fastForward(1_500)
      await page.getByText('You were signed out: nothing was asked for 15 minutes.').waitFor()
      expect(await page.getByText('acme').count()).toBe(0)
    })
  })

  describe('fleets', () => {
    test('are made, and lead to where their devices will be', async () => {
      const page = await signIn()
      await page.getByRole('button', { name: 'New fleet' }).click()
      const dialog = page.getByRole('dialog', { name: 'New fleet' })
      await dialog.getByRole('textbox', { name: 'Name' }).fill('North Sea')
      await dialog.getByRole('button', { name: 'Make the fleet' }).click()
      await dialog.getByRole('alert').getByText('bad-fleet').waitFor()
      await dialog.getByRole('textbox', { name: 'Name' }).fill('north-sea')
      await dialog.getByRole('button', { name: 'Make the fleet' }).click()
      await page.getByRole('heading', { level: 1, name: 'north-sea' }).waitFor()
      await page.getByRole('status').getByText('Fleet north-sea is active.').waitFor()
      await page.getByText('No device yet.').waitFor()
      expect((await platform.operator('GET', '/v1/fleets/north-sea')).body).toMatchObject({ public: false })
      await page.getByRole('link', { name: 'Overview' }).click()
      await page.getByRole('row', { name: 'north-sea Active Private' }).waitFor()
    })

    test('that nobody knows are said to be unknown', async () => {
      const page = await signIn('#/fleets/nobody')
      await page.getByRole('heading', { level: 1, name: 'There is no such fleet.' }).waitFor()
      await page.getByText('fleet-unknown').waitFor()
    })
  })

  describe('tokens', () => {
    test('are made, shown once, and enroll', async () => {
      const page = await signIn('#/fleets/acme')
      await page.getByRole('link', { name: 'New token' }).first().click()
      await page.getByLabel('Uses').fill('2')
      await page.getByLabel('7 days').check()
      await page.getByLabel('A pattern').check()
      await page.getByRole('textbox', { name: 'Pattern' }).fill('pump-*')
      await page.getByRole('button', { name: 'Make the token' }).click()
      await page.getByRole('heading', { level: 1, name: 'The token is made' }).waitFor()
      await page.getByRole('img', { name: 'The token as a QR code' }).waitFor()
      await page.getByRole('button', { name: 'Copy the token' }).click()
      const token = (await page.evaluate('navigator.clipboard.readText()')) as string
      await page.getByRole('button', { name: 'Copy the command' }).click()
      expect(await page.evaluate('navigator.clipboard.readText()')).toBe(`mintmark enroll ${token}`)
      expect(await page.evaluate('location.href + JSON.stringify(sessionStorage)')).not.toContain(token)

      const { csr } = await platform.makeKey()
      expect((await platform.enroll(token, csr, 'valve-1')).body.code).toBe('token-name')
      expect((await platform.enroll(token, csr, 'pump-7')).status).toBe(201)

      await page.getByRole('link', { name: 'Done' }).click()
      await page.getByRole('row', { name: /1 of 2 in \d days pump-\*/ }).waitFor()
      await page.goBack()
      await page.getByRole('heading', { level: 1, name: 'New token' }).waitFor()
      expect(await page.content()).not.toContain(token)
    })

    test('that cover one name have it in the command', async () => {
      const page = await signIn('#/fleets/acme/new-token')
      await page.getByLabel('One name').check()
      await page.getByRole('textbox', { name: 'Name' }).fill('Pump 8')
      await page.getByRole('button', { name: 'Make the token' }).click()
      await page.getByRole('alert').getByText('bad-name').waitFor()
      await page.getByRole('textbox', { name: 'Name' }).fill('pump-8')
      await page.getByRole('button', { name: 'Make the token' }).click()
      await page.getByText(/^mintmark enroll mmt1_\S+ --name pump-8$/).waitFor()
    })

    test('are revoked after a question, and then enroll nobody', async () => {
      const { text, idText } = await platform.makeToken('acme', { name: 'pump-9' })
      const page = await signIn('#/fleets/acme/tokens')
      const revoke = page.getByRole('button', { name: `Revoke token ${idText.slice(0, 8)}` })
      await revoke.click()
      await page.keyboard.press('Escape')
      expect(await page.getByRole('dialog').count()).toBe(0)
      await revoke.click()
      await page.getByRole('dialog').getByRole('button', { name: 'Revoke the token' }).click()
      await page.getByRole('status').getByText('is revoked.').waitFor()
      expect(await revoke.count()).toBe(0)
      const { csr } = await platform.makeKey()
      expect((await platform.enroll(text, csr, 'pump-9')).body.code).toBe('token-revoked')
      await page.getByRole('link', { name: /^Show \d+ tokens?/ }).click()
      await page.getByRole('row', { name: /Revoked pump-9/ }).waitFor()
    })
  })

  describe('devices', () => {
    test('are listed, and lead to all that is known of one', async () => {
      const made = await platform.enrollDevice('acme', 'device-104')
      const page = await signIn('#/fleets/acme')
      await page.getByRole('link', { name: 'device-104' }).click()
      await page.getByRole('heading', { level: 1, name: 'device-104' }).waitFor()
      const { did, serial } = await device('device-104')
      expect(readDidKey(String(did)).equals(made.key.publicKey)).toBe(true)
      await page.getByRole('button', { name: 'Copy the DID' }).click()
      expect(await page.evaluate('navigator.clipboard.readText()')).toBe(did)
      await page.getByText(String(serial), { exact: true }).waitFor()
      await page.getByRole('img', { name: /^0 % of its time is over; from/ }).waitFor()
      await page.getByRole('row', { name: /^did:key:z6Mk\S+ Current/ }).waitFor()
      await page.getByRole('row', { name: /Enrolled token/ }).waitFor()
    })

    test('are revoked by name and reason, and every door closes', async () => {
      const made = await platform.enrollDevice('acme', 'device-105')
      const page = await signIn('#/fleets/acme/devices/device-105')
      await page.getByRole('button', { name: 'Revoke…' }).click()
      const dialog = page.getByRole('dialog', { name: 'Revoke device-105' })
      const revoke = dialog.getByRole('button', { name: 'Revoke', exact: true })
      await revoke.click()
      await dialog.getByText('This is not its name.').waitFor()
      await dialog.getByText('Say why, in a few words.').waitFor()
      await dialog.getByLabel('Type device-105').fill('device-10')
      await dialog.getByLabel('Reason').fill('left on a train')
      await revoke.click()
      expect((await platform.call('GET', '/v1/me', { as: made.tls })).status).toBe(200)
      await dialog.getByLabel('Type device-105').fill('device-105')
      await revoke.click()
      await page.getByRole('status').getByText('device-105 is revoked.').waitFor()
      expect((await platform.call('GET', '/v1/me', { as: made.tls })).body.code).toBe('revoked')
      expect(await device('device-105')).toMatchObject({ standing: 'revoked', reason: 'left on a train' })
      await page.getByText(/^Revoked on .* UTC: left on a train$/).waitFor()
      expect(await page.getByRole('button', { name: 'Revoke…' }).count()).toBe(0)
      await page.getByRole('row', { name: /Revoked\W+left on a train operator local/ }).waitFor()
    })

    test('are decommissioned for good', async () => {
      const made = await platform.enrollDevice('acme', 'device-106')
      const page = await signIn('#/fleets/acme/devices/device-106')
      await page.getByRole('button', { name: 'Decommission…' }).click()
      const dialog = page.getByRole('dialog', { name: 'Decommission device-106' })
      await dialog.getByLabel('Type device-106').fill('device-106')
      await dialog.getByLabel('Reason').fill('end of life')
      await dialog.getByRole('button', { name: 'Decommission', exact: true }).click()
      await page.getByRole('status').getByText('device-106 is decommissioned.').waitFor()
      expect((await platform.call('GET', '/v1/me', { as: made.tls })).status).toBe(410)
      expect(await page.getByRole('button', { name: /…$/ }).count()).toBe(0)
    })

    test('of which there are many come a page at a time', async () => {
      await platform.makeFleet('many')
      const { text } = await platform.makeToken('many', { uses: 101 })
      for (let i = 0; i < 101; i++) {
        const { csr } = await platform.makeKey()
        await platform.enroll(text, csr, `unit-${String(i).padStart(3, '0')}`)
      }
      const page = await signIn('#/fleets/many')
      await page.getByRole('link', { name: 'unit-099' }).waitFor()
      await page.getByRole('link', { name: 'Next page' }).click()
      await page.getByRole('link', { name: 'unit-100' }).waitFor()
      expect(await page.getByRole('row').count()).toBe(2)
      await page.goBack()
      await page.getByRole('link', { name: 'unit-000' }).waitFor()
    })
  })

  describe('the configuration', () => {
    test('is refused with the line where it is no JSON, and set where it is', async () => {
      const page = await signIn('#/fleets/acme/config')
      const field = page.getByRole('textbox', { name: 'Configuration, JSON' })
      await field.fill('{\n  "every": 60,\n  "every": 61\n}')
      await page.getByRole('button', { name: 'Set the configuration' }).click()
      await page.getByText('Line 3, column 3: The name "every" stands here a second time.').waitFor()
      await page.getByRole('button', { name: 'Go there' }).click()
      expect(await page.evaluate('document.activeElement.selectionStart')).toBe(19)
      await field.fill('[1]')
      await page.getByRole('button', { name: 'Set the configuration' }).click()
      await page.getByText('A configuration is an object').waitFor()
      await field.fill('{\n  "every": 60\n}')
      await page.getByRole('button', { name: 'Set the configuration' }).click()
      await page.getByRole('status').getByText('Configuration 1 of acme is set.').waitFor()
      expect((await platform.operator('GET', '/v1/fleets/acme/config')).body.configuration).toEqual({ every: 60 })
    })

    test('of someone else is shown, and does not drop what is being written', async () => {
      const page = await signIn('#/fleets/acme/config')
      const set = (every: number) => platform.operator('PUT', '/v1/fleets/acme/config', { configuration: { every } })
      const comeBack = () => page.evaluate("document.dispatchEvent(new Event('visibilitychange', { bubbles: true }))")
      const field = page.getByRole('textbox', { name: 'Configuration, JSON' })
      await set(61)
      await comeBack()
      await tab!.until("document.querySelector('textarea').value.includes('61')")
      await field.fill('{ "every": 99 }')
      await set(62)
      await comeBack()
      await page.getByText(/^Someone set version \d+ while you were writing/).waitFor()
      expect(await field.inputValue()).toBe('{ "every": 99 }')
      await page.getByRole('button', { name: 'Drop mine and show theirs' }).click()
      expect(JSON.parse(await field.inputValue())).toEqual({ every: 62 })
    })
  })

  describe('the ledger', () => {
    test('is read by kind and by what it is about', async () => {
      const page = await signIn('#/fleets/acme/ledger')
      await page.getByLabel('Kind').selectOption('identity.revoked')
      await page.getByRole('row', { name: /Revoked\W+left on a train device-105/ }).waitFor()
      await tab!.until("document.querySelectorAll('tbody tr').length === 1")
      await page.getByLabel('Kind').selectOption('')
      await page.getByRole('searchbox').fill('acme/device/device-105')
      await page.keyboard.press('Enter')
      await tab!.until("document.querySelectorAll('tbody tr').length === 3")
      await page.getByRole('searchbox').fill('acme/device/nobody')
      await page.keyboard.press('Enter')
      await page.getByText('No entry is so.').waitFor()
      await page.getByRole('link', { name: 'Show every entry' }).click()
      await page.getByRole('row', { name: /^0 Fleet chartered by the root/ }).waitFor()
    })

    test('shows one entry in full', async () => {
      const page = await signIn('#/fleets/acme/ledger/0')
      await page.getByRole('heading', { level: 1, name: 'Fleet chartered by the root no. 0' }).waitFor()
      const { entry, leafHash } = (await platform.operator('GET', '/v1/audit/acme/0')).body
      await page.getByText(String(leafHash), { exact: true }).waitFor()
      await page.getByRole('button', { name: 'Copy the bytes' }).click()
      expect(await page.evaluate('navigator.clipboard.readText()')).toBe(entry)
    })

    test('of the platform is apart', async () => {
      const page = await signIn('#/ledger')
      await page.getByRole('row', { name: /Platform founded\W+example.test/ }).waitFor()
      await page.getByRole('link', { name: '0', exact: true }).click()
      await page.getByRole('heading', { level: 1, name: 'Platform founded no. 0' }).waitFor()
    })
  })
})
