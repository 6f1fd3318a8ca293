import { beforeAll, describe, expect, test } from 'vitest'
import type { TestDevice } from '../../src/platform.ts'
import { describeConsole } from './scene.ts'

describeConsole('the console, for people', scene => {
  const operator = async (name: string) => (await scene.platform.operator('GET', `/v1/operators/${name}`)).body

  beforeAll(() => scene.platform.makeFleet('north-sea'))

  describe('operators', () => {
    test('are invited for some fleets, by a token that is shown once', async () => {
      const page = await scene.signIn('#/operators')
      await page.getByRole('link', { name: 'Invite' }).click()
      await page.getByRole('textbox', { name: 'Name' }).fill('alice')
      await page.getByRole('button', { name: 'Make the invitation' }).click()
      await page.getByRole('alert').getByText('bad-grants').waitFor()
      const role = (name: string) => page.getByRole('group', { name })
      await role('fleet-operator').getByLabel('acme').check()
      await role('auditor').getByLabel('north-sea').check()
      await page.getByRole('button', { name: 'Make the invitation' }).click()
      await page.getByRole('heading', { level: 1, name: 'The invitation is made' }).waitFor()
      await page.getByText('mintmark enroll - --home ./alice', { exact: true }).waitFor()
      await page.getByRole('button', { name: 'Copy the token' }).click()
      const token = (await page.evaluate('navigator.clipboard.readText()')) as string
      await page.getByRole('link', { name: 'Done' }).click()
      await page.getByRole('button', { name: 'Take back the invitation of alice' }).waitFor()
      expect(await page.content()).not.toContain(token)

      const { csr } = await scene.platform.makeKey('P-256')
      expect((await scene.platform.enroll(token, csr, 'alice')).status).toBe(201)
      expect(await operator('alice')).toMatchObject({ grants: 'auditor:north-sea fleet-operator:acme' })
    })

    test('that are invited can be told to stay away', async () => {
      const page = await scene.signIn('#/invite')
      await page.getByRole('textbox', { name: 'Name' }).fill('mallory')
      await page.getByRole('group', { name: 'admin' }).getByLabel('all fleets').check()
      await page.getByRole('button', { name: 'Make the invitation' }).click()
      await page.getByRole('button', { name: 'Copy the token' }).click()
      const token = (await page.evaluate('navigator.clipboard.readText()')) as string
      await page.getByRole('link', { name: 'Done' }).click()
      await page.getByRole('button', { name: 'Take back the invitation of mallory' }).click()
      await page.getByRole('dialog').getByRole('button', { name: 'Take it back' }).click()
      await page.getByRole('status').getByText('The invitation of mallory is taken back.').waitFor()
      const { csr } = await scene.platform.makeKey('P-256')
      expect((await scene.platform.enroll(token, csr, 'mallory')).body.code).toBe('token-revoked')
    })

    test('get other grants, with a reason', async () => {
      await scene.platform.enrollOperator('carol', 'auditor:acme')
      const page = await scene.signIn('#/operators/carol')
      await page.getByRole('button', { name: 'Change grants…' }).click()
      const dialog = page.getByRole('dialog', { name: 'Grants of carol' })
      await dialog.getByRole('group', { name: 'auditor' }).getByLabel('acme').uncheck()
      await dialog.getByRole('group', { name: 'admin' }).getByLabel('north-sea').check()
      await dialog.getByRole('button', { name: 'Set the grants' }).click()
      await dialog.getByText('Say why, in a few words.').waitFor()
      await dialog.getByLabel('Reason').fill('leads the north')
      await dialog.getByRole('button', { name: 'Set the grants' }).click()
      await page.getByRole('status').getByText('Grants of carol are set.').waitFor()
      await page.getByText('admin of north-sea').waitFor()
      expect(await operator('carol')).toMatchObject({ grants: 'admin:north-sea' })
    })

    test('are revoked by name and reason, and what they left behind is named', async () => {
      const dave = await scene.platform.enrollOperator('dave', 'fleet-operator:acme')
      const made = await scene.platform.call('POST', '/v1/fleets/acme/tokens', {
        as: dave.tls,
        body: { uses: 1, ttl: 3_600_000 },
      })
      const page = await scene.signIn('#/operators/dave')
      await page.getByRole('button', { name: 'Revoke…' }).click()
      const dialog = page.getByRole('dialog', { name: 'Revoke dave' })
      await dialog.getByLabel('Type dave').fill('dave')
      await dialog.getByLabel('Reason').fill('left the company')
      await dialog.getByRole('button', { name: 'Revoke', exact: true }).click()
      await page.getByRole('status').getByText('dave is revoked.').waitFor()
      expect((await scene.platform.call('GET', '/v1/me', { as: dave.tls })).body.code).toBe('revoked')
      await page.getByText('1 token that dave made still enrolls devices.').waitFor()
      await page.getByRole('link', { name: `acme, ${String(made.body.id).slice(0, 8)}` }).click()
      await page.getByRole('heading', { level: 1, name: 'acme' }).waitFor()
    })
  })

  describe('grants', () => {
    let auditor: TestDevice
    let worker: TestDevice
    let viewer: TestDevice
    beforeAll(async () => {
      auditor = await scene.platform.enrollOperator('erin', 'auditor:acme')
      worker = await scene.platform.enrollOperator('frank', 'fleet-operator:acme')
      viewer = await scene.platform.enrollOperator('grace', 'factory:acme')
      await scene.platform.enrollDevice('acme', 'device-1')
      await scene.platform.makeToken('acme')
    })

    /** Every button and link of the page, without those that are around it. */
    const controls = async () => {
      const all = await scene.tab!.page.locator('main').locator('a, button').allInnerTexts()
      return all.map(each => each.trim())
    }

    test('of an auditor show all of a fleet, and nothing that changes it', async () => {
      const page = await scene.signIn('#/', {}, auditor.tls)
      expect(await page.getByRole('navigation', { name: 'Console' }).getByRole('link').allInnerTexts()).toEqual([
        'Overview',
        'Warnings',
        'Operators',
        'acme',
      ])
      expect(await controls()).toEqual(['acme'])
      const tabs = ['Devices', 'Tokens', 'Configuration', 'Ledger']
      await scene.tab!.go('#/fleets/acme')
      expect(await controls()).toEqual([...tabs, 'device-1'])
      await scene.tab!.go('#/fleets/acme/tokens')
      expect((await controls()).filter(each => /^(?:revoke|new)/i.test(each))).toEqual([])
      await scene.tab!.go('#/fleets/acme/config')
      expect(await controls()).toEqual(tabs)
      await scene.tab!.go('#/fleets/acme/devices/device-1')
      expect((await controls()).filter(each => /^(?:revoke|decom|replace|change)/i.test(each))).toEqual([])
      await scene.tab!.go('#/operators')
      expect((await controls()).filter(each => /invite|take/i.test(each))).toEqual([])
      await scene.tab!.go('#/operators/erin')
      expect((await controls()).filter(each => /…$/.test(each) && !/^token/.test(each))).toEqual([])
    })

    test('of someone who only looks have no ledger', async () => {
      const page = await scene.signIn('#/fleets/acme', {}, viewer.tls)
      expect(await controls()).toEqual(['Devices', 'Tokens', 'Configuration', 'device-1'])
      await page.getByRole('link', { name: 'device-1' }).click()
      await page.getByRole('heading', { level: 2, name: 'Keys' }).waitFor()
      expect(await page.getByRole('heading', { level: 2, name: 'Events' }).count()).toBe(0)
      await scene.tab!.go('#/fleets/acme/ledger')
      await page.getByRole('heading', { level: 1, name: 'This identity may not do this.' }).waitFor()
    })

    test('of a fleet operator change devices of that fleet, and say of others that there are none', async () => {
      const page = await scene.signIn('#/fleets/acme/devices/device-1', {}, worker.tls)
      await page.getByRole('button', { name: 'Revoke…' }).waitFor()
      await scene.tab!.go('#/fleets/north-sea')
      await page.getByRole('heading', { level: 1, name: 'There is no such fleet.' }).waitFor()
      expect(await page.getByRole('button', { name: 'New fleet' }).count()).toBe(0)
    })

    test('that change while someone is signed in change what is offered', async () => {
      const { tls } = await scene.platform.enrollOperator('heidi', 'fleet-operator:acme')
      const page = await scene.signIn('#/fleets/acme', {}, tls)
      await page.getByRole('link', { name: 'New token' }).waitFor()
      const body = { grants: 'auditor:acme', reason: 'audits now' }
      expect((await scene.platform.operator('PUT', '/v1/operators/heidi/grants', body)).status).toBe(200)
      await page.getByRole('link', { name: 'New token' }).click()
      await page.getByRole('button', { name: 'Make the token' }).click()
      await page.getByRole('alert').getByText('forbidden').waitFor()
      await page.getByRole('link', { name: 'acme' }).first().click()
      await page.getByRole('link', { name: 'device-1' }).waitFor()
      expect(await page.getByRole('link', { name: 'New token' }).count()).toBe(0)
    })

    test('end with their operator, in the middle of what he does', async () => {
      const { tls } = await scene.platform.enrollOperator('ivan', 'fleet-operator:acme')
      const page = await scene.signIn('#/fleets/acme/devices/device-1', {}, tls)
      await page.getByRole('button', { name: 'Revoke…' }).click()
      const dialog = page.getByRole('dialog')
      await dialog.getByLabel('Type device-1').fill('device-1')
      await dialog.getByLabel('Reason').fill('out of spite')
      await scene.platform.operator('POST', '/v1/operators/ivan/revoke', { reason: 'left' })
      await dialog.getByRole('button', { name: 'Revoke', exact: true }).click()
      await page.getByRole('heading', { level: 1, name: 'Sign in to the console' }).waitFor()
      expect(await page.getByText('device-1').count()).toBe(0)
      expect(await page.evaluate('JSON.stringify(sessionStorage)')).toBe('{}')
      expect(await scene.device('device-1')).toMatchObject({ standing: 'good' })
    })
  })
})
