import { readFileSync } from 'node:fs'
import { hex, readPem } from '@mintmark/core/bytes'
import { proveFact, readProofFile } from '@mintmark/core/evidence'
import { webCryptoVerify } from '@mintmark/core/keys'
import { nodeSha256 } from '@mintmark/elements'
import { describe, expect, test } from 'vitest'
import { describeConsole } from './scene.ts'

describeConsole('the console, for configurations and ledgers', scene => {
  describe('the configuration', () => {
    test('is refused with the line where it is no JSON, and set where it is', async () => {
      const page = await scene.signIn('#/fleets/acme/config')
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
      await page.getByRole('status').getByText('Version 1 is set for the whole fleet.').waitFor()
      expect((await scene.platform.operator('GET', '/v1/fleets/acme/config')).body.configuration).toEqual({ every: 60 })
    })

    test('of someone else is shown, and does not drop what is being written', async () => {
      const page = await scene.signIn('#/fleets/acme/config')
      const set = (every: number) =>
        scene.platform.operator('PUT', '/v1/fleets/acme/config', { configuration: { every } })
      const comeBack = () => page.evaluate("document.dispatchEvent(new Event('visibilitychange', { bubbles: true }))")
      const field = page.getByRole('textbox', { name: 'Configuration, JSON' })
      await set(61)
      await comeBack()
      await scene.tab!.until("document.querySelector('textarea').value.includes('61')")
      await field.fill('{ "every": 99 }')
      await set(62)
      await comeBack()
      await page.getByText(/^Someone set version \d+ while you were writing/).waitFor()
      expect(await field.inputValue()).toBe('{ "every": 99 }')
      await page.getByRole('button', { name: 'Drop mine and show theirs' }).click()
      expect(JSON.parse(await field.inputValue())).toEqual({ every: 62 })
    })

    test('is set for a label, and taken away again', async () => {
      const page = await scene.signIn('#/fleets/acme/config')
      await page.getByRole('button', { name: 'For a label or a device…' }).click()
      const dialog = page.getByRole('dialog')
      await dialog.getByRole('textbox', { name: 'Label' }).fill('Berlin')
      await dialog.getByRole('button', { name: 'Open it' }).click()
      await dialog.getByText('This is no label.').waitFor()
      await dialog.getByRole('textbox', { name: 'Label' }).fill('site=berlin')
      await dialog.getByRole('button', { name: 'Open it' }).click()
      await page.getByText('There is none for label site=berlin.').waitFor()
      await page.getByRole('textbox', { name: 'Configuration, JSON' }).fill('{"every":5}')
      await page.getByLabel('Reason').fill('Berlin is quick')
      await page.getByRole('button', { name: 'Set the configuration' }).click()
      await page.getByRole('status').getByText('is set for label site=berlin.').waitFor()
      await page.getByRole('row', { name: /label site=berlin Berlin is quick/ }).waitFor()
      const read = () => scene.platform.operator('GET', '/v1/fleets/acme/config?target=label:site%3Dberlin')
      expect((await read()).body.configuration).toEqual({ every: 5 })
      await page.getByRole('button', { name: 'Take it away…' }).click()
      await page.getByRole('dialog').getByRole('button', { name: 'Take it away' }).click()
      await page.getByRole('status').getByText('There is no configuration for label site=berlin any more.').waitFor()
      expect((await read()).body.configuration).toBe(null)
    })

    test('that was is looked at, and set again', async () => {
      const page = await scene.signIn('#/fleets/acme/config')
      await page.getByRole('link', { name: '1', exact: true }).click()
      await page.getByText(/^You look at version 1, set on/).waitFor()
      await page.getByRole('button', { name: 'Set it again' }).click()
      await page.getByRole('status').getByText('is set for the whole fleet.').waitFor()
      expect((await scene.platform.operator('GET', '/v1/fleets/acme/config')).body.configuration).toEqual({ every: 60 })
    })

    test('with a number that no reader can count is refused, and not rounded', async () => {
      const page = await scene.signIn('#/fleets/acme/config')
      await page.getByRole('textbox', { name: 'Configuration, JSON' }).fill('{"serial": 12345678901234567890}')
      await page.getByRole('button', { name: 'Set the configuration' }).click()
      await page.getByText('Line 1, column 12: This number is more than every reader can count.').waitFor()
    })
  })

  describe('the ledger', () => {
    test('is read by kind and by what it is about', async () => {
      const gone = await scene.platform.enrollDevice('acme', 'device-105')
      await scene.platform.revoke(gone, 'left on a train')
      const page = await scene.signIn('#/fleets/acme/ledger')
      await page.getByLabel('Kind').selectOption('identity.revoked')
      await page.getByRole('row', { name: /Revoked\W+left on a train device-105/ }).waitFor()
      await scene.tab!.until("document.querySelectorAll('tbody tr').length === 1")
      await page.getByLabel('Kind').selectOption('')
      await page.getByRole('searchbox').fill('acme/device/device-105')
      await page.keyboard.press('Enter')
      await scene.tab!.until("document.querySelectorAll('tbody tr').length === 2")
      await page.getByRole('searchbox').fill('acme/device/nobody')
      await page.keyboard.press('Enter')
      await page.getByText('No entry is so.').waitFor()
      await page.getByRole('link', { name: 'Show every entry' }).click()
      await page.getByRole('row', { name: /^0 Fleet chartered by the root/ }).waitFor()
    })

    test('shows one entry in full', async () => {
      const page = await scene.signIn('#/fleets/acme/ledger/0')
      await page.getByRole('heading', { level: 1, name: 'Fleet chartered by the root no. 0' }).waitFor()
      const { entry, leafHash } = (await scene.platform.operator('GET', '/v1/audit/acme/0')).body
      await page.getByText(String(leafHash), { exact: true }).waitFor()
      await page.getByRole('button', { name: 'Copy the bytes' }).click()
      expect(await page.evaluate('navigator.clipboard.readText()')).toBe(entry)
    })

    test('proves one entry by a file that needs no platform', async () => {
      const page = await scene.signIn('#/fleets/acme/ledger/0')
      const download = page.waitForEvent('download')
      await page.getByRole('button', { name: 'Download proof' }).click()
      const file = await download
      expect(file.suggestedFilename()).toBe('acme-0.proof.json')
      const bytes = readFileSync((await file.path())!)
      const root = hex(nodeSha256(readPem('CERTIFICATE', scene.platform.anchor)))
      const { fact } = await proveFact(readProofFile(bytes), { root }, webCryptoVerify)
      expect([fact.kind, fact.ledger]).toEqual(['fleet.activated', 'acme'])
    })

    test('of the platform is apart', async () => {
      const page = await scene.signIn('#/ledger')
      await page.getByRole('row', { name: /Platform founded\W+example.test/ }).waitFor()
      await page.getByRole('link', { name: '0', exact: true }).click()
      await page.getByRole('heading', { level: 1, name: 'Platform founded no. 0' }).waitFor()
    })
  })
})
