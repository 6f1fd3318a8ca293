import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { chromium } from 'playwright-core'

/** Nothing here may reach beyond this machine, and as root Chromium has no sandbox. */
export const chromiumArgs = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
]

/** Opens a page that loads the portable bundle; over loopback HTTP, because Web Crypto needs a secure context. */
export async function runInChromium(path: string, directory: string): Promise<string> {
  const server = serve(directory)
  await once(server, 'listening')
  const browser = await chromium.launch({ executablePath: path, args: chromiumArgs })
  try {
    const page = await browser.newPage()
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
    await page.addScriptTag({ type: 'module', content: script })
    await page.waitForFunction('globalThis.report !== undefined', undefined, { timeout: 110_000 })
    return (await page.evaluate('globalThis.report')) as string
  } finally {
    await browser.close()
    server.close()
  }
}

const script = `import { run } from '/portable.mjs'
globalThis.report = JSON.stringify(await run())
`

function serve(directory: string): Server {
  const server = createServer((request, response) => {
    const isBundle = request.url === '/portable.mjs'
    response.setHeader('content-type', isBundle ? 'text/javascript' : 'text/html')
    response.end(isBundle ? readFileSync(join(directory, 'portable.mjs')) : '<!doctype html><title>portable</title>')
  })
  return server.listen(0, '127.0.0.1')
}
