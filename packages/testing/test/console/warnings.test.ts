import { DatabaseSync } from 'node:sqlite'
import { dataFiles } from '@mintmark/server'
import { expect, test } from 'vitest'
import { describeConsole } from './scene.ts'

const day = 86_400_000

describeConsole('the console, for warnings', scene => {
  // In order: the last one moves the clock by years.

  test('says that there are none', async () => {
    const page = await scene.signIn()
    await page.getByText('Nothing to look at: there are no warnings.').waitFor()
    await page.getByRole('link', { name: 'Warnings' }).click()
    await page.getByRole('heading', { level: 1, name: 'Warnings' }).waitFor()
    await page.getByText('Nothing to look at.').waitFor()
    expect(await page.getByRole('table').count()).toBe(0)
  })

  test('counts them on the start page, which leads to each and to what it is about, by keyboard', async () => {
    const { platform } = scene
    const device = await platform.enrollDevice('acme', 'device-1')
    await platform.call('GET', '/v1/fleets', { as: device.tls })
    const { text, idText } = await platform.makeToken('acme', { name: 'device-2' })
    await platform.enroll(text, (await platform.makeKey()).csr, 'device-3')
    const page = await scene.signIn()
    await page.getByRole('link', { name: 'Warnings 2' }).waitFor()
    await page.getByRole('row', { name: /^acme Active Public 2/ }).waitFor()
    const banner = page.getByRole('region', { name: 'Warnings' })
    await banner.getByText('2 things to look at.').waitFor()
    await banner.getByRole('link', { name: 'Show the warnings' }).focus()
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { level: 1, name: 'Warnings' }).waitFor()
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Warnings')
    const row = page.getByRole('row', { name: /Refused as forbidden: .* device-1 of acme/ })
    expect(await row.innerText()).toMatch(/To look at[\s\S]+find out what it wanted\.[\s\S]+\d{4}-\d\d-\d\d \d\d:\d\d/)
    const token = page.getByRole('row', { name: `Refused as token-name: The token does not cover this name.` })
    await token.getByRole('link', { name: `token ${idText.slice(0, 8)}` }).waitFor()
    await row.getByRole('link', { name: 'device-1' }).focus()
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { level: 1, name: 'device-1' }).waitFor()
    await page.keyboard.type('gw')
    await page.getByRole('heading', { level: 1, name: 'Warnings' }).waitFor()
    await scene.tab!.go('#/fleets/acme')
    await page.getByRole('link', { name: '2 warnings' }).click()
    await page.getByText('Of acme alone.').waitFor()
  })

  test('shows nothing of a fleet that the operator may not see', async () => {
    const { platform } = scene
    await platform.makeFleet('hidden')
    const device = await platform.enrollDevice('hidden', 'device-9')
    await platform.call('GET', '/v1/fleets', { as: device.tls })
    const worker = await platform.enrollOperator('worker', 'auditor:acme')
    const page = await scene.signIn('#/warnings', {}, worker.tls)
    expect(await page.locator('tbody tr').count()).toBe(2)
    await scene.tab!.go('#/warnings?of=hidden')
    await page.getByText('Nothing to look at.').waitFor()
    expect(await page.locator('main').innerText()).not.toContain('device-9')
    await scene.tab!.close()
    const all = await scene.signIn('#/warnings?of=hidden')
    await all.getByRole('row', { name: /Refused as forbidden: .* device-9 of hidden/ }).waitFor()
  })

  test('shows a CA that someone put in the place of another, and so does the Trust Center', async () => {
    const database = new DatabaseSync(dataFiles(scene.platform.data).database, { timeout: 5_000 })
    const put = database.prepare("update authority set certificate = ? where fleet = 'acme'")
    const of = database.prepare('select certificate from authority where fleet = ?')
    const [acme, hidden] = ['acme', 'hidden'].map(fleet => (of.get(fleet) as { certificate: Uint8Array }).certificate)
    try {
      put.run(hidden!)
      const page = await scene.signIn()
      await page.getByText('The stored authority of fleet acme is not what the running platform signs with').waitFor()
      await page.getByRole('link', { name: 'Show the warnings' }).click()
      const row = page.getByRole('row', { name: /^Urgent The stored authority of fleet acme/ })
      await row.getByText('mintmark audit verify').waitFor()
      await row.getByText('nobody can tell').waitFor()
      await row.getByRole('link', { name: 'Fleet CA' }).click()
      await page.getByRole('heading', { name: 'Mismatch' }).waitFor()
      await page.getByRole('link', { name: 'CA of fleet acme' }).first().waitFor()
      expect(new URL(page.url()).hash).toBe('#fleet-acme-ca')
    } finally {
      put.run(acme!)
      database.close()
    }
  })

  test('says that they could not be read, and shows the rest', async () => {
    const page = await scene.signIn('#/operators')
    await page.route('**/v1/warnings', route => route.abort())
    await page.getByRole('link', { name: 'Overview' }).click()
    await page.getByText('The warnings could not be read.').waitFor()
    await page.getByRole('table', { name: 'Fleets' }).getByRole('link', { name: 'acme', exact: true }).waitFor()
    scene.tab!.trouble.length = 0
  })

  test('shows CAs that end, the nearest first', async () => {
    const trust = (await scene.platform.call('GET', '/v1/trust')).body as { server: { notAfter: string } }
    scene.platform.clock.advance(Date.parse(trust.server.notAfter) - 6 * day - 60_000 - scene.platform.clock.now())
    const page = await scene.signIn('#/warnings')
    const rows = page.getByRole('row', { name: /ends in 6 days/ })
    await rows.first().waitFor()
    expect(await rows.count()).toBe(4)
    expect(await rows.first().innerText()).toContain('Urgent')
    await rows.first().getByRole('link', { name: 'Server CA' }).click()
    await page.waitForURL(/\/trust#server-ca$/)
  })
})
