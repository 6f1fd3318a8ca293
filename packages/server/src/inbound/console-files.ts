import { readdirSync, readFileSync, statSync } from 'node:fs'
import { extname, join, sep } from 'node:path'
import type { Reply } from './call.ts'

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.txt': 'text/plain; charset=utf-8',
}

/**
 * The console's pages by their path. All of them are read at the start, so a request chooses among them and never names
 * a file.
 * @param directory what the console was built into; where it was not, `/console/` says so
 */
export function readConsoleFiles(directory: string | undefined): ReadonlyMap<string, Reply> {
  const files = new Map<string, Reply>([['/console', { status: 302, type: 'text/plain', body: '/console/' }]])
  if (directory === undefined) return files.set('/console/', notBuilt)
  for (const name of readdirSync(directory, { recursive: true }).map(String)) {
    const file = join(directory, name)
    if (!statSync(file).isFile()) continue
    const reply = { status: 200, type: types[extname(name)] ?? 'application/octet-stream', body: readFileSync(file) }
    files.set(`/console/${name.split(sep).join('/')}`, reply)
  }
  const page = files.get('/console/index.html')
  if (page === undefined) throw new Error(`${directory} has no index.html: it is not a console that was built`)
  return files.set('/console/', page)
}

const notBuilt: Reply = {
  status: 200,
  type: 'text/html; charset=utf-8',
  body: `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Mintmark console</title>
<p>The console was not built for this platform. Its operators use the command: <code>mintmark --help</code>.</p>
<p><a href="/trust">Trust Center</a></p>
</html>
`,
}
