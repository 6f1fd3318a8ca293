import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { chromiumArgs } from './chromium.ts'
import type { TestPlatform, TlsClient } from './platform.ts'

/** The Chromium of the machine. */
export const chromiumPath = '/usr/bin/chromium'

const root = join(import.meta.dirname, '../../..')
const axe = readFileSync(fileURLToPath(import.meta.resolve('axe-core/axe.min.js')), 'utf8')

/** The directory of the console's pages, built where a source has changed since. */
export function builtConsole(): string {
  const { status, stderr } = spawnSync(process.execPath, [join(root, 'scripts/build-console.mjs')], {
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`the console was not built: ${stderr}`)
  return join(root, 'packages/console/dist')
}

/** Tabs of a browser that the console is open in. What went wrong on the way is kept by each of them. */
export class ConsoleBrowser {
  readonly #browser: Browser
  readonly #platform: TestPlatform

  constructor(browser: Browser, platform: TestPlatform) {
    this.#browser = browser
    this.#platform = platform
  }

  /** A tab of a browser that nobody has used, at an address under `/console/`. */
  async open(path = '', options: BrowserContextOptions = {}): Promise<Tab> {
    const context = await this.#browser.newContext({ permissions: ['clipboard-read', 'clipboard-write'], ...options })
    const tab = new Tab(await context.newPage(), this.#platform)
    await tab.page.goto(tab.address(path))
    return tab
  }

  /** A tab whose operator is signed in. */
  async signIn(path = '#/', options: BrowserContextOptions = {}, as?: TlsClient): Promise<Tab> {
    const tab = await this.open(`#link=${await this.#platform.makeLink(as)}`, options)
    await tab.page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor()
    await tab.go(path)
    return tab
  }

  close(): Promise<void> {
    return this.#browser.close()
  }
}

export class Tab {
  readonly page: Page
  /** Messages and errors of scripts, what the policy refused, and requests to anywhere but the platform. */
  readonly trouble: string[] = []
  readonly #origin: string

  constructor(page: Page, platform: TestPlatform) {
    this.page = page
    page.setDefaultTimeout(10_000)
    this.#origin = new URL(platform.console).origin
    page.on('console', message => {
      // A refusal by the platform is what many tests are about; it is no fault of the page.
      if (!message.text().startsWith('Failed to load resource')) this.trouble.push(message.text())
    })
    page.on('pageerror', error => this.trouble.push(error.message))
    page.on('request', sent => {
      if (!sent.url().startsWith(`${this.#origin}/`)) this.trouble.push(`elsewhere: ${sent.url()}`)
    })
  }

  address(path: string): string {
    return `${this.#origin}/console/${path}`
  }

  /** Goes to a place, and waits until it is shown. */
  async go(path: string): Promise<void> {
    if (path === new URL(this.page.url()).hash) return
    await this.page.evaluate(`new Promise(done => {
      addEventListener('hashchange', () => setTimeout(done), { once: true })
      location.hash = ${JSON.stringify(path)}
    })`)
    await this.until("document.querySelector('main').ariaBusy === 'false'")
  }

  /** Waits until an expression holds in the page. Asked from outside: the page's policy lets no text be run inside. */
  async until(expression: string): Promise<void> {
    for (const begin = Date.now(); !(await this.page.evaluate(expression)); await setTimeout(50)) {
      if (Date.now() - begin > 10_000) throw new Error(`it never came to hold: ${expression}`)
    }
  }

  /** What axe finds wrong with what is shown; of all that it knows, or of colours alone. */
  async barriers(what: 'all' | 'colours' = 'all'): Promise<string[]> {
    await this.page.evaluate(axe)
    const only = what === 'all' ? {} : { runOnly: ['color-contrast'] }
    return (await this.page.evaluate(`axe.run(${JSON.stringify(only)}).then(({ violations }) => violations.map(
      ({ id, nodes }) => id + ': ' + nodes.map(({ html }) => html).join(' ')))`)) as string[]
  }

  /** How many pixels do not fit into the window, or into what would be moved aside to see them. */
  async overhang(): Promise<number> {
    return (await this.page.evaluate(`Math.max(
      ...[document.documentElement, ...document.querySelectorAll('.table, .tabs, dialog, .card')].map(
        ({ scrollWidth, clientWidth }) => scrollWidth - clientWidth))`)) as number
  }

  close(): Promise<void> {
    return this.page.context().close()
  }
}

export async function openConsoleBrowser(platform: TestPlatform): Promise<ConsoleBrowser> {
  return new ConsoleBrowser(await chromium.launch({ executablePath: chromiumPath, args: chromiumArgs }), platform)
}
