// The platform as a process of its own, until the command does it: `node run-platform.ts DATA PORT DOMAIN`.
import { randomBytes } from 'node:crypto'
import { rehearsalSigner } from '@mintmark/ceremony'
import { dataFiles, startPlatform } from '@mintmark/server'

const [data = '', port = '0', domain = 'example.test'] = process.argv.slice(2)
const ports = { now: Date.now, random: (length: number) => new Uint8Array(randomBytes(length)) }
const running = await startPlatform({
  data,
  domain,
  host: '127.0.0.1',
  hostnames: ['localhost', '127.0.0.1'],
  port: Number(port),
  consolePort: 0,
  ...ports,
  rehearse: async request => (await rehearsalSigner(dataFiles(data).development, domain, ports)).answer(request),
})
const { machine, console: page, root } = running
process.stdout.write(`${JSON.stringify({ ready: true, machine, console: page, root })}\n`)
process.once('SIGTERM', () => running.stop())
