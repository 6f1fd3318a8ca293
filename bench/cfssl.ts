import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { end, startServer } from './pinned.ts'

/** `cfssl serve` (Debian golang-cfssl) with a P-256 CA, on one core. It signs what it is sent and keeps nothing. */
export async function startCfssl(): Promise<{ readonly pid: number; readonly port: number; stop(): Promise<void> }> {
  const directory = mkdtempSync(join(tmpdir(), 'mintmark-cfssl-'))
  const file = (name: string): string => join(directory, name)
  writeFileSync(file('ca.json'), JSON.stringify({ CN: 'bench', key: { algo: 'ecdsa', size: 256 } }))
  const made = execFileSync('cfssl', ['gencert', '-initca', file('ca.json')], { stdio: ['ignore', 'pipe', 'ignore'] })
  const { cert, key } = JSON.parse(made.toString()) as { cert: string; key: string }
  writeFileSync(file('ca.pem'), cert)
  writeFileSync(file('ca-key.pem'), key, { mode: 0o600 })
  const profile = { expiry: '720h', usages: ['digital signature', 'client auth'] }
  writeFileSync(file('config.json'), JSON.stringify({ signing: { default: profile } }))
  const port = await freePort()
  const args = ['serve', '-ca', file('ca.pem'), '-ca-key', file('ca-key.pem'), '-config', file('config.json')]
  const listen = ['-address', '127.0.0.1', '-port', String(port), '-loglevel', '5']
  const child = startServer('cfssl', [...args, ...listen], { env: { GOMAXPROCS: '1' } })
  await reachable(port)
  return {
    pid: child.pid!,
    port,
    async stop() {
      await end(child)
      rmSync(directory, { recursive: true })
    },
  }
}

function freePort(): Promise<number> {
  return new Promise(resolve => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}

async function reachable(port: number): Promise<void> {
  for (let i = 0; i < 100; i++) {
    try {
      await fetch(`http://127.0.0.1:${port}/api/v1/cfssl/health`)
      return
    } catch {
      await sleep(50)
    }
  }
  throw new Error('cfssl does not answer')
}
