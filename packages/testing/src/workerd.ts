import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'

/** Serves the portable bundle on a port of workerd's choice and asks it once. */
export async function runInWorkerd(path: string, directory: string): Promise<string> {
  const config = join(directory, 'workerd.capnp')
  writeFileSync(config, capnp)
  // What npm installs as `workerd` does not pass descriptor 3 on, so this is the binary itself.
  const child = spawn(path, ['serve', config, '--control-fd=3'], { stdio: ['ignore', 'inherit', 'inherit', 'pipe'] })
  try {
    const port = await listening(child.stdio[3] as Readable)
    const response = await fetch(`http://127.0.0.1:${port}/`)
    const text = await response.text()
    if (response.status !== 200) throw new Error(`workerd answered ${response.status}: ${text}`)
    return text
  } finally {
    child.kill('SIGKILL')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  }
}

export async function listening(control: Readable): Promise<number> {
  for await (const line of createInterface(control)) {
    const event = JSON.parse(line) as { event: string; port?: number }
    if (event.event === 'listen' && event.port !== undefined) return event.port
  }
  throw new Error('workerd ended before it listened')
}

const capnp = `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .portable)],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
const portable :Workerd.Worker = (
  modules = [
    (name = "worker.mjs", esModule = embed "worker.mjs"),
    (name = "portable.mjs", esModule = embed "portable.mjs"),
  ],
  compatibilityDate = "2026-10-01",
);
`
