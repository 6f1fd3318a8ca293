import { DatabaseSync } from 'node:sqlite'
import { setTimeout } from 'node:timers/promises'
import { readDidKey } from '@mintmark/core/keys'
import { dataFiles } from '@mintmark/server'
import { describe, expect, test } from 'vitest'
import { describeConsole } from './scene.ts'

describeConsole('the console, for fleets', scene => {
  describe('fleets', () => {
    test('are made, and lead to where their devices will be', async () => {
      const page = await scene.signIn()
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
      expect((await scene.platform.operator('GET', '/v1/fleets/north-sea')).body).toMatchObject({ public: false })
      await page.getByRole('link', { name: 'Overview' }).click()
      await page.getByRole('row', { name: 'north-sea Active Private' }).waitFor()
    })

    test('that nobody knows are said to be unknown', async () => {
      const page = await scene.signIn('#/fleets/nobody')
      await page.getByRole('heading', { level: 1, name: 'There is no such fleet.' }).waitFor()
      await page.getByText('fleet-unknown').waitFor()
      expect(await page.locator('nav [aria-current]').count()).toBe(0)
    })
  })

  describe('tokens', () => {
    test('are made, shown once, and enroll', async () => {
      const page = await scene.signIn('#/fleets/acme')
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

      const { csr } = await scene.platform.makeKey()
      expect((await scene.platform.enroll(token, csr, 'valve-1')).body.code).toBe('token-name')
      expect((await scene.platform.enroll(token, csr, 'pump-7')).status).toBe(201)

      await page.getByRole('link', { name: 'Done' }).click()
      await page.getByRole('row', { name: /1 of 2 in \d days pump-\*/ }).waitFor()
      await page.goBack()
      await page.getByRole('heading', { level: 1, name: 'New token' }).waitFor()
      expect(await page.content()).not.toContain(token)
    })

    test('that cover one name have it in the command', async () => {
      const page = await scene.signIn('#/fleets/acme/new-token')
      await page.getByLabel('One name').check()
      await page.getByRole('textbox', { name: 'Name' }).fill('Pump 8')
      await page.getByRole('button', { name: 'Make the token' }).click()
      await page.getByRole('alert').getByText('bad-name').waitFor()
      await page.getByRole('textbox', { name: 'Name' }).fill('pump-8')
      await page.getByRole('button', { name: 'Make the token' }).click()
      await page.getByText(/^mintmark enroll mmt1_\S+ --name pump-8$/).waitFor()
    })

    test('are revoked after a question, and then enroll nobody', async () => {
      const { text, idText } = await scene.platform.makeToken('acme', { name: 'pump-9' })
      const page = await scene.signIn('#/fleets/acme/tokens')
      const revoke = page.getByRole('button', { name: `Revoke token ${idText.slice(0, 8)}` })
      await revoke.click()
      await page.keyboard.press('Escape')
      expect(await page.getByRole('dialog').count()).toBe(0)
      await revoke.click()
      await page.getByRole('dialog').getByRole('button', { name: 'Revoke the token' }).click()
      await page.getByRole('status').getByText('is revoked.').waitFor()
      expect(await revoke.count()).toBe(0)
      const { csr } = await scene.platform.makeKey()
      expect((await scene.platform.enroll(text, csr, 'pump-9')).body.code).toBe('token-revoked')
      await page.getByRole('link', { name: 'Show spent, expired and revoked tokens too' }).click()
      await page.getByRole('row', { name: /Revoked pump-9/ }).waitFor()
    })
  })

  test('tokens of which there are 10,000 come a page at a time, those that can be used first', async () => {
    const { platform } = scene
    await platform.makeFleet('crowd')
    const { idText } = await platform.makeToken('crowd', { name: 'last-one' })
    const database = new DatabaseSync(dataFiles(platform.data).database, { timeout: 5_000 })
    const copy = database.prepare(
      "insert into permit select 'copy-' || ?, fleet, role, secret_hash, uses, ?, expires, 'pump-' || ?, tier, replaces, grants, created + ?, created_by, revoked from permit where id = ?",
    )
    try {
      database.exec('begin')
      // All are spent but every hundredth, and all are newer than the one that was made.
      for (let i = 1; i <= 10_000; i++) copy.run(String(i), i % 100 === 0 ? 1 : 0, String(i), i, idText)
      database.exec('commit')
      const page = await scene.signIn('#/fleets/crowd/tokens')
      await page.getByText('100 tokens, and more').waitFor()
      await page.getByRole('row', { name: /pump-10000 / }).waitFor()
      await page.getByRole('link', { name: 'Next page' }).click()
      await page.getByRole('row', { name: /last-one/ }).waitFor()
      expect(await page.locator('tbody tr').count()).toBe(1)
      expect(await page.getByRole('link', { name: 'Next page' }).count()).toBe(0)
      await page.getByRole('link', { name: 'First page' }).click()
      await page.getByRole('row', { name: /pump-10000 / }).waitFor()
      await page.getByRole('link', { name: 'Show spent, expired and revoked tokens too' }).click()
      await page.getByRole('row', { name: /Spent pump-9999 / }).waitFor()
      await page.getByRole('link', { name: 'Next page' }).click()
      await page.getByRole('row', { name: /pump-9900 / }).waitFor()

      const seen = new Set<string>()
      let next: string | null = ''
      for (; next !== null; ) {
        const after: string = next === '' ? '' : `&after=${next}`
        const { body } = await platform.operator('GET', `/v1/fleets/crowd/tokens?limit=1000${after}`)
        for (const { id } of body.tokens as { id: string }[]) seen.add(id)
        next = body.next as string | null
      }
      expect(seen.size).toBe(10_001)
      for (const question of ['after=7', 'after=7.%3Cb%3E', 'state=spent', 'limit=0']) {
        expect((await platform.operator('GET', `/v1/fleets/crowd/tokens?${question}`)).status, question).toBe(400)
      }
    } finally {
      database.exec("delete from permit where id like 'copy-%'")
      database.close()
    }
  })

  describe('devices', () => {
    test('are listed, and lead to all that is known of one', async () => {
      const made = await scene.platform.enrollDevice('acme', 'device-104')
      const page = await scene.signIn('#/fleets/acme')
      await page.getByRole('link', { name: 'device-104' }).click()
      await page.getByRole('heading', { level: 1, name: 'device-104' }).waitFor()
      const { did, serial } = await scene.device('device-104')
      expect(readDidKey(String(did)).equals(made.key.publicKey)).toBe(true)
      await page.getByRole('button', { name: 'Copy the DID' }).click()
      expect(await page.evaluate('navigator.clipboard.readText()')).toBe(did)
      await page.getByText(String(serial), { exact: true }).waitFor()
      await page.getByRole('img', { name: /^0 % of its time is over; from/ }).waitFor()
      await page.getByRole('row', { name: /^did:key:z6Mk\S+ Current/ }).waitFor()
      await page.getByRole('row', { name: /Enrolled token/ }).waitFor()
    })

    test('are revoked by name and reason, and every door closes', async () => {
      const made = await scene.platform.enrollDevice('acme', 'device-105')
      const page = await scene.signIn('#/fleets/acme/devices/device-105')
      await page.getByRole('button', { name: 'Revoke…' }).click()
      const dialog = page.getByRole('dialog', { name: 'Revoke device-105' })
      const revoke = dialog.getByRole('button', { name: 'Revoke', exact: true })
      await revoke.click()
      await dialog.getByText('This is not its name.').waitFor()
      await dialog.getByText('Say why, in a few words.').waitFor()
      await dialog.getByLabel('Type device-105').fill('device-10')
      await dialog.getByLabel('Reason').fill('left on a train')
      await revoke.click()
      expect((await scene.platform.call('GET', '/v1/me', { as: made.tls })).status).toBe(200)
      await dialog.getByLabel('Type device-105').fill('device-105')
      await revoke.click()
      await page.getByRole('status').getByText('device-105 is revoked.').waitFor()
      expect((await scene.platform.call('GET', '/v1/me', { as: made.tls })).body.code).toBe('revoked')
      expect(await scene.device('device-105')).toMatchObject({ standing: 'revoked', reason: 'left on a train' })
      await page.getByText(/^Revoked on .* UTC: left on a train$/).waitFor()
      expect(await page.getByRole('button', { name: 'Revoke…' }).count()).toBe(0)
      await page.getByRole('row', { name: /Revoked\W+left on a train local/ }).waitFor()
    })

    test('are decommissioned for good', async () => {
      const made = await scene.platform.enrollDevice('acme', 'device-106')
      const page = await scene.signIn('#/fleets/acme/devices/device-106')
      await page.getByRole('button', { name: 'Decommission…' }).click()
      const dialog = page.getByRole('dialog', { name: 'Decommission device-106' })
      await dialog.getByLabel('Type device-106').fill('device-106')
      await dialog.getByLabel('Reason').fill('end of life')
      await dialog.getByRole('button', { name: 'Decommission', exact: true }).click()
      await page.getByRole('status').getByText('device-106 is decommissioned.').waitFor()
      expect((await scene.platform.call('GET', '/v1/me', { as: made.tls })).status).toBe(410)
      expect(await page.getByRole('button', { name: /…$/ }).count()).toBe(0)
    })

    test('are searched while it is written in, by name, label and standing', async () => {
      for (const name of ['sensor-1', 'sensor-2', 'valve-1']) await scene.platform.enrollDevice('acme', name)
      const own = '/v1/fleets/acme/devices/sensor-2/labels'
      await scene.platform.operator('POST', own, { labels: ['site=berlin'] })
      const page = await scene.signIn('#/fleets/acme')
      const names = () => page.locator('tbody th').allInnerTexts()
      await page.keyboard.press('/')
      await page.keyboard.type('Sensor')
      await page.getByRole('status').getByText('2 devices').waitFor()
      expect(await names()).toEqual(['sensor-1', 'sensor-2'])
      expect(await page.evaluate('document.activeElement.type')).toBe('search')
      expect(new URL(page.url()).hash).toBe('#/fleets/acme?search=sensor')
      const search = page.getByRole('searchbox')
      await search.fill('site=berlin')
      await page.getByRole('status').getByText('1 device').waitFor()
      expect(await names()).toEqual(['sensor-2'])
      // What is typed while the platform answers stays.
      await page.route('**/devices?*', async route => {
        await setTimeout(400)
        await route.continue()
      })
      await search.fill('senso')
      await page.waitForRequest(/search=senso$/)
      await page.keyboard.type('r-1')
      await page.getByRole('status').getByText('1 device').waitFor()
      expect(await search.inputValue()).toBe('sensor-1')
      await page.unrouteAll({ behavior: 'ignoreErrors' })
      await search.fill('no such <b>name')
      await page.getByText('No device is so.').waitFor()
      await search.fill('')
      await page.getByRole('link', { name: 'valve-1' }).waitFor()
      await page.getByRole('link', { name: 'site=berlin' }).click()
      await scene.tab!.until("document.querySelectorAll('tbody tr').length === 1")
      expect(await search.inputValue()).toBe('site=berlin')
      await search.fill('')
      await page.getByRole('link', { name: 'valve-1' }).waitFor()
      await page.getByLabel('Standing').selectOption('revoked')
      await scene.tab!.until("document.querySelectorAll('tbody tr').length === 1")
      expect(await names()).toEqual(['device-105'])
    })

    test('get labels, and read what is set for them', async () => {
      await scene.platform.enrollDevice('acme', 'pump-1')
      const set = (body: object) => scene.platform.operator('PUT', '/v1/fleets/acme/config', body)
      await set({ configuration: { every: 60, log: 'warn' } })
      await set({ configuration: { every: 5 }, target: 'label:site=berlin' })
      const page = await scene.signIn('#/fleets/acme/devices/pump-1')
      await page.getByRole('button', { name: 'Change labels' }).click()
      const dialog = page.getByRole('dialog', { name: 'Labels of pump-1' })
      const field = dialog.getByRole('textbox', { name: 'Labels' })
      await field.fill('Site=Berlin')
      await dialog.getByRole('button', { name: 'Set the labels' }).click()
      await dialog.getByRole('alert').getByText('bad-label').waitFor()
      await field.fill('site=berlin floor=3')
      await dialog.getByRole('button', { name: 'Set the labels' }).click()
      await page.getByRole('status').getByText('Labels of pump-1 are set.').waitFor()
      expect(await scene.device('pump-1')).toMatchObject({ labels: { floor: '3', site: 'berlin' } })
      await page.locator('summary').click()
      await page.getByRole('link', { name: 'label site=berlin' }).waitFor()
      expect(JSON.parse((await page.locator('pre.json').textContent())!)).toEqual({ every: 5, log: 'warn' })
      await page.getByRole('button', { name: 'Change labels' }).click()
      await field.fill('floor=4')
      await dialog.getByRole('button', { name: 'Set the labels' }).click()
      await page.getByRole('link', { name: 'floor=4' }).waitFor()
      expect(await scene.device('pump-1')).toMatchObject({ labels: { floor: '4' } })
    })

    test('show what they may send, and to whom', async () => {
      await scene.platform.enrollDevice('acme', 'gateway-1')
      const page = await scene.signIn('#/fleets/acme/devices/gateway-1')
      const messages = page.getByRole('region', { name: 'Messages' })
      await messages.getByText('Nothing').waitFor()
      const rights = { scopes: ['floor3.**:read', 'telemetry:write'], recipients: ['hub-1'], devices: ['sensor-7'] }
      await scene.platform.operator('PUT', '/v1/fleets/acme/devices/gateway-1/scope', rights)
      await scene.tab!.go('#/fleets/acme/devices/gateway-1')
      await page.reload()
      await messages.getByText('hub-1').waitFor()
      expect(await messages.locator('dd').allTextContents()).toEqual([
        'floor3.**:read, telemetry:write',
        'hub-1',
        'sensor-7',
        'mintmark device scope',
      ])
    })

    test('go on under another key with a token that replaces', async () => {
      const before = await scene.platform.enrollDevice('acme', 'device-107')
      const page = await scene.signIn('#/fleets/acme/devices/device-107')
      await page.getByRole('link', { name: 'Replace key…' }).click()
      await page.getByRole('heading', { level: 1, name: 'Token for another key' }).waitFor()
      await page.getByRole('button', { name: 'Make the token' }).click()
      await page.getByText(/--name device-107$/).waitFor()
      await page.getByRole('button', { name: 'Copy the token' }).click()
      const { csr, key } = await scene.platform.makeKey()
      const token = (await page.evaluate('navigator.clipboard.readText()')) as string
      expect((await scene.platform.enroll(token, csr, 'device-107')).status).toBe(201)
      expect((await scene.platform.call('GET', '/v1/me', { as: before.tls })).body.code).toBe('key-superseded')
      await scene.tab!.go('#/fleets/acme/devices/device-107')
      await page.getByRole('row', { name: /^did:key:\S+ Current/ }).waitFor()
      await page.getByRole('row', { name: /^did:key:\S+ Superseded/ }).waitFor()
      expect(readDidKey(String((await scene.device('device-107')).did)).equals(key.publicKey)).toBe(true)
    })

    test('say with what they were refused, and what to do', async () => {
      const made = await scene.platform.enrollDevice('acme', 'device-108')
      await scene.platform.revoke(made, 'lost')
      await scene.platform.call('GET', '/v1/me', { as: made.tls })
      const page = await scene.signIn('#/fleets/acme/devices/device-108')
      const row = page.getByRole('table', { name: 'Refused' }).getByRole('row', { name: /^revoked/ })
      await row.getByText('This identity is revoked.').waitFor()
      await row.getByText('GET /v1/me').waitFor()
    })

    test('that never enrolled are said to be unknown, with the tokens that may have been theirs', async () => {
      const { text, idText } = await scene.platform.makeToken('acme', { name: 'valve-8' })
      const { csr } = await scene.platform.makeKey()
      expect((await scene.platform.enroll(text, csr, 'valve-9')).body.code).toBe('token-name')
      const page = await scene.signIn('#/fleets/acme/devices/valve-9')
      await page.getByText('No device of this name ever enrolled here.').waitFor()
      const row = page.getByRole('row', { name: /^token-name token/ }).filter({ hasText: idText.slice(0, 8) })
      await row.getByText('The token does not cover this name.').waitFor()
    })

    test('of which there are many come a page at a time', async () => {
      await scene.platform.makeFleet('many')
      const { text } = await scene.platform.makeToken('many', { uses: 101 })
      for (let i = 0; i < 101; i++) {
        const { csr } = await scene.platform.makeKey()
        await scene.platform.enroll(text, csr, `unit-${String(i).padStart(3, '0')}`)
      }
      const page = await scene.signIn('#/fleets/many')
      await page.getByRole('link', { name: 'unit-099' }).waitFor()
      await page.getByRole('link', { name: 'Next page' }).click()
      await page.getByRole('link', { name: 'unit-100' }).waitFor()
      expect(await page.getByRole('row').count()).toBe(2)
      await page.goBack()
      await page.getByRole('link', { name: 'unit-000' }).waitFor()
    })
  })
})
