import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { builtConsole } from '../../src/console.ts'
import { describeConsole } from './scene.ts'

// The console shows what devices and other people wrote, with the rights of an operator. Nothing of it may run, and
// nothing may leave. (Each test here also fails where the policy of the page refused something, or where a request went
// anywhere but to the platform.)

const hostile = `"'><img src=x onerror=globalThis.bitten=1><script>globalThis.bitten=1</script>&amp;`

describeConsole('the console, under attack', scene => {
  const isBitten = () => scene.tab!.page.evaluate('globalThis.bitten')

  test('is served under a policy that runs nothing but its own files', async () => {
    const { headers, text } = await scene.platform.browse('GET', '/console/')
    expect(headers['content-security-policy']).toBe(
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    )
    expect(text).not.toMatch(/<script>|<style|\sstyle=|\son\w+=/)
  })

  test('has nothing in its files that makes markup or code out of text', () => {
    const script = readFileSync(join(builtConsole(), 'console.js'), 'utf8')
    expect(script).not.toMatch(/\beval\(|new Function|document\.write|insertAdjacentHTML|outerHTML\s*=|\.srcdoc/)
    // Addresses in it are names of namespaces, and of nothing that is fetched.
    const hosts = [...script.matchAll(/https?:\/\/([\w.-]+)/g)].map(([, host]) => host)
    expect(hosts.filter(host => host !== 'www.w3.org')).toEqual([])
  })

  test.each([
    ['#/fleets/<hostile>', /^(?!Overview)/],
    ['#/fleets/acme/devices/<hostile>', /^(?!Overview)/],
    ['#/fleets/acme?search=<hostile>', 'acme'],
    ['#/fleets/acme/ledger?about=<hostile>', 'acme'],
    ['#/warnings?of=<hostile>', 'Warnings'],
    ['#/operators/<hostile>', /^(?!Overview)/],
    ['#/fleets/acme/new-token?replaces=<hostile>', 'Token for another key'],
    ['#/<hostile>', 'There is no such page.'],
    ['#/fleets/%E0%A4%A/devices', /^(?!Overview)/],
    ['#link=<hostile>', 'Sign in to the console'],
  ])('takes %s for a name', async (path, title) => {
    const page = await scene.signIn()
    await page.goto(scene.tab!.address(path.replace('<hostile>', encodeURIComponent(hostile))))
    await page.getByRole('heading', { level: 1, name: title }).waitFor()
    expect(await page.locator('img, script:not([src])').count()).toBe(0)
    expect(await isBitten()).toBeUndefined()
  })

  test('shows a warning as it is, whatever it says', async () => {
    const since = '2026-11-22T06:00:00.000Z'
    const one = { fleet: hostile, says: `${hostile} \u202egnissap`, advice: `\`${hostile}\``, since }
    const warnings = [
      { ...one, kind: 'ends', authority: 'constructor', notAfter: since, within: 7 },
      { ...one, kind: 'mismatch', part: `javascript:${hostile}`, fleet: null },
      {
        ...one,
        kind: 'refused',
        who: `acme/device/${hostile}`,
        code: hostile,
        operation: hostile,
        count: 2,
        last: since,
      },
      { ...one, kind: 'token-refused', who: `token:${hostile}`, code: '', operation: '', count: 1, last: since },
    ]
    const page = await scene.signIn('#/operators')
    await page.route('**/v1/warnings', route => route.fulfill({ json: { warnings, more: true } }))
    for (const place of ['#/', '#/warnings']) {
      await scene.tab!.go(place)
      await page.locator('main').getByText(hostile).first().waitFor()
      expect(await page.locator('img, script:not([src])').count()).toBe(0)
      const addresses = (await page.evaluate("[...document.querySelectorAll('a')].map(a => a.href)")) as string[]
      expect(addresses.filter(address => !address.startsWith(new URL(page.url()).origin))).toEqual([])
    }
    expect(await page.locator('tbody tr').count()).toBe(4)
    expect(await isBitten()).toBeUndefined()
  })

  describe('of what others wrote', () => {
    beforeAll(async () => {
      const { platform } = scene
      const device = await platform.enrollDevice('acme', 'device-1')
      await platform.enrollOperator('alice', 'auditor:acme')
      await platform.operator('POST', '/v1/fleets/acme/devices/device-1/labels', {
        labels: ['site=berlin'],
        reason: hostile,
      })
      const configuration = { [hostile]: hostile, deep: { __html: hostile } }
      await platform.operator('PUT', '/v1/fleets/acme/config', { configuration, reason: hostile })
      await platform.operator('PUT', '/v1/operators/alice/grants', { grants: 'auditor:acme', reason: hostile })
      await platform.operator('POST', '/v1/operators/alice/revoke', { reason: hostile })
      await platform.revoke(device, hostile)
    })

    test.each([
      '#/fleets/acme/devices/device-1',
      '#/fleets/acme/config',
      '#/fleets/acme/ledger',
      '#/operators/alice',
      '#/ledger',
    ])('shows it as text on %s', async path => {
      const page = await scene.signIn(path)
      const summary = page.locator('summary')
      if (await summary.count()) await summary.click()
      await page.getByText('onerror=globalThis.bitten=1').first().waitFor()
      expect(await page.locator('img, script:not([src]), [onerror]').count()).toBe(0)
      expect(await isBitten()).toBeUndefined()
    })
  })

  test.each([
    ['kind', { kind: 'constructor', by: 'anonymous', about: null, body: { reason: hostile } }],
    [
      'by and about',
      {
        kind: 'refused',
        by: hostile,
        about: `javascript:globalThis.bitten=1//${hostile}`,
        body: { code: hostile, operation: hostile, count: 1 },
      },
    ],
    [
      'direction',
      {
        kind: 'config.set',
        by: 'x/operator/\u202egpj.exe',
        about: 'a/device/\u202egpj',
        body: { target: '\u202e', version: 1 },
      },
    ],
  ])('shows a ledger that a hostile platform made up as text: %s', async (_, entry) => {
    const page = await scene.signIn()
    const whole = { ledger: 'acme', index: 0, at: '2026-11-22T00:00:00.000Z', entry: 'AA==', leafHash: '00', ...entry }
    await page.route('**/v1/audit/acme?*', route =>
      route.fulfill({ json: { ledger: 'acme', entries: [whole], next: null } }),
    )
    await page.route('**/v1/audit/acme/0', route => route.fulfill({ json: whole }))
    await scene.tab!.go('#/fleets/acme/ledger')
    await page.getByRole('link', { name: '0', exact: true }).click()
    await page.getByRole('heading', { level: 2, name: 'As it is in the ledger' }).waitFor()
    expect(await page.locator('img, script:not([src]), [onerror], a[href^="javascript:"]').count()).toBe(0)
    expect(await isBitten()).toBeUndefined()
    // Of the text that goes the other way round nothing around it is turned.
    const loose = `(() => {
      const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
      const found = []
      while (texts.nextNode()) if (/\\u202e/.test(texts.currentNode.data)) found.push(texts.currentNode)
      return found.filter(({ parentElement }) => !parentElement.closest('bdi, code')).map(({ data }) => data)
    })()`
    expect(await page.evaluate(loose)).toEqual([])
  })

  test('says that the platform does not answer, keeps what was written, and goes on when it does', async () => {
    const page = await scene.signIn('#/fleets/acme/config')
    const field = page.getByRole('textbox', { name: 'Configuration, JSON' })
    await field.fill('{"mine": 1}')
    await page.route('**/v1/**', route => route.abort())
    await page.evaluate("document.dispatchEvent(new Event('visibilitychange', { bubbles: true }))")
    await page.getByText('The platform does not answer. What you see may be old.').waitFor()
    await page.getByRole('button', { name: 'Set the configuration' }).click()
    await page.getByRole('alert').getByText('The platform did not answer.').waitFor()
    expect(await field.inputValue()).toBe('{"mine": 1}')
    await page.unroute('**/v1/**')
    await page.getByRole('button', { name: 'Try again' }).click()
    await page.getByText('What you see may be old').waitFor({ state: 'detached' })
    expect(await field.inputValue()).toBe('{"mine": 1}')
    await page.getByRole('button', { name: 'Set the configuration' }).click()
    await page
      .getByRole('status')
      .getByText(/^Version \d+ is set/)
      .waitFor()
  })
})
