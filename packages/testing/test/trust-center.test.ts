import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { promisify } from 'node:util'
import { openRoot } from '@mintmark/ceremony'
import { commonName, readCertificate, signCertificate, signCharter } from '@mintmark/core/signed'
import { dataFiles } from '@mintmark/server'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Addresses } from '../../server/src/inbound/trust-center/checks.ts'
import { html } from '../../server/src/inbound/trust-center/html.ts'
import { renderTrustPage } from '../../server/src/inbound/trust-center/page.ts'
import type { TrustView } from '../../server/src/operations/trust.ts'
import { chromiumArgs } from '../src/chromium.ts'
import { startTestPlatform, type TestPlatform } from '../src/platform.ts'

const chromiumPath = '/usr/bin/chromium'
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const run = promisify(execFile)
const year = 365 * 86_400_000
const secret = 'undertaking-77'

let platform: TestPlatform
let origin: string
let directory: string

beforeAll(async () => {
  platform = await startTestPlatform()
  origin = platform.console.replace(/\/$/, '')
  directory = mkdtempSync(join(tmpdir(), 'mintmark-trust-'))
})
afterAll(async () => {
  await platform.stop()
  rmSync(directory, { recursive: true, force: true })
})

const fetchText = async (path: string): Promise<string> => (await fetch(`${origin}${path}`)).text()
const readView = async (): Promise<TrustView> => (await (await fetch(`${origin}/trust.json`)).json()) as TrustView

// In order: the first tests are about a platform without fleets, the last move its clock.

describe('the door', () => {
  test('leads from / to the Trust Center', async () => {
    const reply = await fetch(`${origin}/`, { redirect: 'manual' })
    expect([reply.status, reply.headers.get('location')]).toEqual([302, '/trust'])
  })

  test.each([
    ['/trust', 'text/html; charset=utf-8'],
    ['/trust.json', 'application/json'],
    ['/trust.css', 'text/css; charset=utf-8'],
    ['/trust/icon.svg', 'image/svg+xml'],
    ['/trust/root.pem', 'application/x-pem-file'],
    ['/trust/server-ca.pem', 'application/x-pem-file'],
    ['/trust/people-ca.pem', 'application/x-pem-file'],
  ])('serves %s, and HEAD of it without a body', async (path, type) => {
    const [reply, head] = [await fetch(origin + path), await fetch(origin + path, { method: 'HEAD' })]
    expect([reply.status, reply.headers.get('content-type')]).toEqual([200, type])
    expect(reply.headers.get('cache-control')).toBe('no-store')
    expect(reply.headers.get('x-content-type-options')).toBe('nosniff')
    expect(reply.headers.get('content-security-policy')).toBe(
      "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    )
    const body = await reply.arrayBuffer()
    expect([head.status, head.headers.get('content-length')]).toEqual([200, String(body.byteLength)])
    expect(await head.text()).toBe('')
  })

  test.each(['/trust/', '/trust/fleets/none.pem', '/trust?a', '/trust/../trust', '/trustworthy', '/favicon.ico'])(
    'has nothing at %s, and says so as JSON',
    async path => {
      const { status, text } = await raw(path, {})
      expect([status, JSON.parse(text).code]).toEqual([404, 'not-found'])
    },
  )

  test.each(['evil.example', 'evil.example:8080', 'localhost.evil.example', '127.0.0.1@evil.example', '0.0.0.0'])(
    'refuses the host %j',
    async host => {
      const { status, text } = await raw('/trust', { host })
      expect([status, JSON.parse(text).code]).toEqual([400, 'bad-request'])
    },
  )

  test('takes GET and HEAD only', async () => {
    expect((await fetch(`${origin}/trust`, { method: 'POST' })).status).toBe(405)
  })
})

describe('what is shown', () => {
  test('says that there is no public fleet, also beside a private one', async () => {
    await platform.makeFleet(secret)
    expect((await readView()).fleets).toEqual([])
    expect(await fetchText('/trust')).toContain('No public fleet yet.')
  })

  test('is read anew on every request', async () => {
    const before = await readView()
    await platform.makeFleet('acme', { isPublic: true })
    // A name that is also that of a file of the platform.
    await platform.makeFleet('root', { isPublic: true })
    const after = await readView()
    expect(after.fleets.map(({ fleet }) => fleet)).toEqual(['acme', 'root'])
    expect(after.ledger.size).toBeGreaterThan(before.ledger.size)
    expect(after.mismatch).toBe(false)
    expect(await fetchText('/trust/fleets/root.pem')).not.toBe(await fetchText('/trust/root.pem'))
  })

  test('says nothing of a private fleet', async () => {
    expect(await fetchText('/trust')).not.toContain(secret)
    expect(await fetchText('/trust.json')).not.toContain(secret)
    for (const file of [`${secret}.pem`, `${secret}.charter`]) {
      expect((await fetch(`${origin}/trust/fleets/${file}`)).status).toBe(404)
    }
  })

  test('is the same for people, programs and openssl', async () => {
    const [view, page] = [await readView(), await fetchText('/trust')]
    for (const { file, shown } of [
      { file: 'root', shown: view.root },
      { file: 'server-ca', shown: view.server! },
      { file: 'people-ca', shown: view.people! },
      ...view.fleets.map(({ fleet, authority }) => ({ file: `fleets/${fleet}`, shown: authority! })),
    ]) {
      writeFileSync(join(directory, 'one.pem'), await fetchText(`/trust/${file}.pem`))
      const { sha256, serial } = await openssl('one.pem')
      expect([shown.sha256, shown.serial]).toEqual([sha256, serial])
      expect(page.replaceAll(/<\/?span>|<wbr>/g, '')).toContain(sha256)
      expect(shown).toMatchObject({ validity: 'valid', mismatch: false, findings: [], algorithm: 'P-256' })
    }
  })

  test('says in plain words what each CA may do', async () => {
    const { root, server, people, fleets } = await readView()
    expect([root.pathLength, root.purposes, root.names]).toEqual([1, [], null])
    expect([server!.pathLength, server!.purposes, server!.names]).toEqual([0, ['server'], null])
    const heldTo = (host: string) => ({ names: { uriHosts: [host], dnsNames: [host] }, noAddresses: true })
    const forClients = { pathLength: 0, purposes: ['client'] }
    expect(people).toMatchObject({ ...forClients, ...heldTo('platform.example.test') })
    expect(fleets[0]!.authority).toMatchObject({ ...forClients, ...heldTo('acme.example.test') })
    const page = await fetchText('/trust')
    expect(page).toContain('May issue client certificates under acme.example.test only.')
    expect(page).toContain('May issue server certificates only.')
  })
})

describe.skipIf(!existsSync(chromiumPath))('in Chromium', () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: chromiumPath, args: chromiumArgs })
  })
  afterAll(() => browser.close())

  /** Opens the page and gives what went wrong on the way: messages, failures, requests to elsewhere. */
  async function open(options: BrowserContextOptions): Promise<{ page: Page; trouble: string[] }> {
    const page = await (await browser.newContext(options)).newPage()
    const trouble: string[] = []
    page.on('console', message => trouble.push(message.text()))
    page.on('pageerror', error => trouble.push(error.message))
    page.on('requestfailed', failed => trouble.push(`failed: ${failed.url()}`))
    page.on('request', sent => {
      if (new URL(sent.url()).origin !== origin) trouble.push(`elsewhere: ${sent.url()}`)
    })
    page.on('response', response => {
      if (!response.ok()) trouble.push(`${response.status()}: ${response.url()}`)
    })
    await page.goto(`${origin}/trust`)
    return { page, trouble }
  }

  test('is all there without JavaScript, and has none', async () => {
    const { page, trouble } = await open({ javaScriptEnabled: false })
    expect(await page.title()).toBe('Trust Center of example.test')
    expect(await page.locator('script').count()).toBe(0)
    expect(await page.getByRole('heading', { name: 'Development root', exact: true }).isVisible()).toBe(true)
    writeFileSync(join(directory, 'shown.pem'), await fetchText('/trust/root.pem'))
    const { sha256 } = await openssl('shown.pem')
    expect(await page.locator('#root .fingerprint').textContent()).toBe(sha256)
    expect(await page.locator('.tree .digest').count()).toBe(5)
    // A style sheet that did not arrive would leave the groups together.
    const space = await page.evaluate("getComputedStyle(document.querySelector('.fingerprint span')).marginRight")
    expect(space).toMatch(/^[1-9]/)
    expect(trouble).toEqual([])
  })

  test('gives a fingerprint to the clipboard as other tools print it', async () => {
    const { page } = await open({})
    const selected = await page.evaluate(`(() => {
      getSelection().selectAllChildren(document.querySelector('#root .fingerprint'))
      return getSelection().toString()
    })()`)
    expect(selected).toBe((await readView()).root.sha256)
  })

  describe.each<[string, BrowserContextOptions]>([
    ['light', { colorScheme: 'light' }],
    ['dark', { colorScheme: 'dark' }],
    ['on a phone', { viewport: { width: 360, height: 740 } }],
    ['on a phone, dark', { viewport: { width: 360, height: 740 }, colorScheme: 'dark' }],
  ])('%s', (_, options) => {
    test('has no barrier that axe finds, folded or not', async () => {
      const { page } = await open({ ...options, bypassCSP: true })
      await page.evaluate(axe)
      for (const isOpen of [false, true]) {
        if (isOpen) for (const summary of await page.locator('summary').all()) await summary.click()
        const found = (await page.evaluate(`axe.run().then(({ violations }) => violations.map(
          ({ id, nodes }) => id + ': ' + nodes.map(({ html }) => html).join(' ')))`)) as string[]
        expect(found).toEqual([])
      }
    })

    test('fits its window, and loads nothing from elsewhere', async () => {
      const { page, trouble } = await open(options)
      for (const summary of await page.locator('summary').all()) await summary.click()
      const [content, window] = (await page.evaluate(
        '[document.documentElement.scrollWidth, document.documentElement.clientWidth]',
      )) as number[]
      expect(content).toBeLessThanOrEqual(window!)
      expect(trouble).toEqual([])
    })
  })

  test('prints every command so that it works, and prints what it says', async () => {
    const { page } = await open({})
    const steps = [
      ...(await page.locator('#check .checks > li').all()),
      ...(await page.locator('.fleet .checks > li').all()),
    ]
    expect(steps.length).toBe(5 + 2 * 3)
    const empty = mkdtempSync(join(directory, 'by-hand-'))
    for (const step of steps) {
      const [command, output] = [
        await step.locator('.command').textContent(),
        await step.locator('.output').textContent(),
      ]
      const { stdout } = await run('bash', ['-o', 'pipefail', '-ec', command!], { cwd: empty })
      expect(stdout.trim()).toBe(output!.trim())
    }
  })

  test('shows hostile text as text', async () => {
    const hostile = `"'><img src=x onerror=globalThis.bitten=1><script>globalThis.bitten=1</script>&amp;\u202e`
    const addresses: Addresses = { console: `${origin}/${hostile}`, machine: 'https://localhost:1' }
    const page = await (await browser.newContext()).newPage()
    await page.setContent(renderTrustPage(poisoned(await readView(), hostile), addresses))
    expect(await page.locator('script, img, [onerror]').count()).toBe(0)
    expect(await page.evaluate('globalThis.bitten')).toBeUndefined()
    expect(await page.locator('h1 bdi').textContent()).toBe(hostile)
    expect(await page.locator('#root h3').textContent()).toBe(hostile)
  })
})

describe('a CA that someone put in the place of ours', () => {
  test('is flagged where the root signed it, but for a key that the platform does not sign with', async () => {
    const certificate = await substitute('acme', 'Mintmark fleet acme CA, example.test')
    const { view, page } = await withStored("update authority set certificate = ? where fleet = 'acme'", certificate)
    const [{ authority, charter, ledger }] = view.fleets as [TrustView['fleets'][number]]
    expect([view.mismatch, charter.mismatch, ledger.mismatch]).toEqual([true, false, false])
    expect(authority!.findings).toEqual(['other-key', 'not-chartered', 'not-in-use'])
    // What is shown is what is stored.
    expect(authority!.keyId).toBe(readCertificate(certificate).publicKey.id)
    expect(page).toContain('<h2 id="mismatch-title">Mismatch</h2>')
    expect(page).toContain('<li><a href="#fleet-acme-ca">CA of fleet acme</a></li>')
    expect(page).toContain('This platform signs with another key than the one in this certificate.')
  })

  test('is flagged where another root signed it, whatever its title says', async () => {
    const title = '<script>globalThis.bitten=1</script>'
    const certificate = await substitute('acme', title, { ownRoot: true })
    const { view, page } = await withStored("update authority set certificate = ? where use = 'server'", certificate)
    expect(view.server!.title).toBe(title)
    expect(view.server!.findings).toEqual(['other-key', 'not-in-use', 'not-proven'])
    expect(page).toContain('<bdi>&lt;script&gt;globalThis.bitten=1&lt;/script&gt;</bdi>')
    expect(page).not.toContain('<script')
    expect(page).toContain('Does not print what it should: see above.')
  })

  test.each([
    ['taken away', "delete from authority where use = 'people' and ? is not null"],
    ['made unreadable', "update authority set certificate = ? where use = 'people'"],
  ])('is flagged where it was %s', async (_, statement) => {
    const { view, page } = await withStored(statement, Buffer.from('no certificate'))
    expect([view.mismatch, view.people, view.server!.mismatch]).toEqual([true, null, false])
    expect(page).toContain('The store has no certificate here that can be read.')
  })

  test('is flagged where it is the root', async () => {
    const certificate = await substitute('acme', 'Mintmark root, example.test', { ownRoot: true, isRoot: true })
    const { view, page } = await withStored('update platform set root = ?', certificate)
    expect(view.root.findings).toEqual(['not-in-use'])
    expect(page).toContain('<a href="#root">Root</a>')
    // The charters are not by that root.
    expect(view.fleets.every(({ charter }) => charter.findings.includes('not-proven'))).toBe(true)
    // It was founded with a development root, whatever this one calls itself.
    expect(view.development).toBe(true)
  })

  test('is flagged where the charter was replaced', async () => {
    const root = await openRoot(dataFiles(platform.data).development, passphrase())
    const charter = await signCharter(root.key, {
      domain: 'example.test',
      fleet: 'root',
      version: 2,
      authority: '00'.repeat(32),
      ledgerKey: (await platform.makeKey()).key.publicKey.raw,
      releaseRoot: undefined,
      issued: Date.now(),
    })
    const { view } = await withStored("update fleet set charter = ? where name = 'acme'", charter)
    const [acme, other] = view.fleets
    expect(acme!.charter.findings).toEqual(['not-in-use', 'other-fleet'])
    expect(acme!.authority!.findings).toEqual(['not-chartered'])
    expect(acme!.ledger.findings).toEqual(['not-chartered'])
    expect([other!.charter.mismatch, other!.authority!.mismatch]).toEqual([false, false])
  })

  test('is flagged where it is a key or a head of the ledger', async () => {
    const { key } = await platform.makeKey()
    const keyed = await withStored('update platform set ledger_key = ?', key.publicKey.raw)
    expect(keyed.view.ledger.findings).toEqual(['other-key'])
    const headed = await withStored(
      "update ledger_head set size = size + 1 where ledger = 'acme' and ? is not null",
      '',
    )
    expect(headed.view.fleets[0]!.ledger.findings).toEqual(['other-head'])
  })

  test('is gone from the page when ours is back', async () => {
    expect((await readView()).mismatch).toBe(false)
  })
})

describe('a root from an air gap', () => {
  test('has no development notice', async () => {
    const page = renderTrustPage(
      { ...(await readView()), development: false },
      { console: origin, machine: platform.url },
    )
    expect(page).not.toContain('Development root')
    expect(page).toContain('Its key is kept offline: this platform does not hold it.')
  })
})

describe('the template', () => {
  test('escapes every value, in text, in attributes and in lists', () => {
    const value = `<b title="x" alt='y'>&amp;</b>`
    const escaped = '&lt;b title=&quot;x&quot; alt=&#39;y&#39;&gt;&amp;amp;&lt;/b&gt;'
    expect(`${html`<p title="${value}">${value}${[html`<i>${value}</i>`]}${undefined}${7}</p>`}`).toBe(
      `<p title="${escaped}">${escaped}<i>${escaped}</i>7</p>`,
    )
  })

  test('takes nothing for markup that it did not make', () => {
    const lookAlike = { isEscaped: true, toString: () => '<b>' } as unknown as string
    expect(`${html`${lookAlike}${['<b>'] as unknown as string}`}`).toBe('&lt;b&gt;&lt;b&gt;')
  })
})

describe('as time passes', () => {
  test.each([
    [89, 'notice', 'Ends in 89 days'],
    [29, 'warning', 'Ends in 29 days'],
    [6, 'urgent', 'Ends in 6 days'],
    [0, 'urgent', 'Ends within a day'],
    [-2, 'over', 'Expired 1 day ago'],
  ])('with %i days left a CA is marked as %s', async (days, style, words) => {
    const end = Date.parse((await readView()).server!.notAfter)
    platform.clock.advance(end - days * 86_400_000 - 60_000 - platform.clock.now())
    const [view, page] = [await readView(), await fetchText('/trust')]
    expect(view.server).toMatchObject({ daysLeft: days, validity: days < 0 ? 'expired' : 'valid', mismatch: false })
    expect(page).toContain(`<span class="chip ${style}">${words}</span>`)
  })
})

/** Stores this for as long as it takes to read the page, and puts back what was there. */
async function withStored(statement: string, value: Uint8Array | string): Promise<{ view: TrustView; page: string }> {
  const database = new DatabaseSync(dataFiles(platform.data).database, { timeout: 5_000 })
  const tables = ['authority', 'platform', 'fleet', 'ledger_head']
  const before = tables.map(table => database.prepare(`select * from ${table}`).all())
  try {
    expect(database.prepare(statement).run(value).changes).toBeGreaterThan(0)
    return { view: await readView(), page: await fetchText('/trust') }
  } finally {
    database.exec('begin immediate')
    for (const [at, table] of tables.entries()) {
      database.exec(`delete from ${table}`)
      for (const row of before[at]!) {
        const names = Object.keys(row)
        const places = names.map(() => '?').join()
        database.prepare(`insert into ${table} (${names}) values (${places})`).run(...Object.values(row))
      }
    }
    database.exec('commit')
    database.close()
  }
}

/** A CA, or a root, for a key that the platform does not have; by the platform's root or by one of its own. */
async function substitute(fleet: string, title: string, { ownRoot = false, isRoot = false } = {}): Promise<Uint8Array> {
  const { key } = await platform.makeKey('P-256')
  const root = await openRoot(dataFiles(platform.data).development, passphrase())
  const { subject, subjectKeyId } = root.certificate
  const issuer = isRoot
    ? { key, subject: commonName(title), keyId: subjectKeyId! }
    : { key: ownRoot ? key : root.key, subject, keyId: subjectKeyId! }
  const common = {
    title,
    serial: `40${randomBytes(15).toString('hex')}`,
    publicKey: key.publicKey,
    notBefore: Date.now() - 60_000,
    notAfter: Date.now() + year,
  }
  const host = `${fleet}.example.test`
  return signCertificate(
    issuer,
    isRoot ? { kind: 'root', ...common } : { kind: 'authority', use: 'fleet', host, ...common },
  )
}

const passphrase = (): string =>
  readFileSync(join(dataFiles(platform.data).development, 'passphrase.txt'), 'utf8').trim()

/** The same with every text replaced by this one. */
function poisoned<T>(value: T, text: string): T {
  if (typeof value === 'string') return text as T
  if (Array.isArray(value)) return value.map(item => poisoned(item, text)) as T
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, poisoned(item, text)])) as T
}

async function openssl(file: string): Promise<{ sha256: string; serial: string }> {
  const args = ['x509', '-in', join(directory, file), '-noout', '-serial', '-fingerprint', '-sha256']
  const { stdout } = await run('openssl', args)
  const [, serial = '', sha256 = ''] = /^serial=(\w+)\nsha256 Fingerprint=([\w:]+)\n$/i.exec(stdout) ?? []
  return { serial: serial.toLowerCase(), sha256: sha256.replaceAll(':', '').toLowerCase() }
}

/** A request with a path and a host as they are given. */
function raw(path: string, headers: Readonly<Record<string, string>>): Promise<{ status: number; text: string }> {
  const { hostname, port } = new URL(origin)
  return new Promise((resolve, reject) => {
    request({ hostname, port, path, headers }, response => {
      const chunks: Buffer[] = []
      response.on('data', chunk => chunks.push(chunk))
      response.on('end', () => resolve({ status: response.statusCode!, text: Buffer.concat(chunks).toString() }))
    })
      .on('error', reject)
      .end()
  })
}
