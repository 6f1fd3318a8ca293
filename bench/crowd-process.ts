import { createSecureContext } from 'node:tls'
import { monotonic } from './clock.ts'
import type { Ask, Fleet, Link, Say } from './crowd.ts'
import { makeDeviceKey } from './device-key.ts'
import { bodyOf, get, type Line, openLine, post, statusOf } from './raw-client.ts'

// The devices of `crowd.ts`, told by messages what to do.

/** So many at once. */
const parallel = 32
/** Each asks again before the server takes it for idle, which is after 75 s. */
const beat = 45_000
const mostAwake = 500

interface Device {
  /** The leaf and its CA, PEM. */
  readonly cert: string
  readonly key: string
}

interface Held {
  readonly line: Line
  readonly link: Link
  asked: number
}

/** By fleet, by number. */
const devices: Device[][] = []
/** Connections that are open. */
const open = new Map<number, Held>()

const say = (said: Say): void => void process.send!(said)

process.on('message', (asked: Ask) => {
  answer(asked).then(
    () => say({ say: 'done' }),
    (error: unknown) => say({ say: 'failed', why: String(error) }),
  )
})
process.on('disconnect', () => process.exit(0))
process.once('SIGTERM', () => process.exit(0))
setInterval(stayAwake, 1_000)

function answer(asked: Ask): Promise<void> {
  switch (asked.ask) {
    case 'enroll':
      return enroll(asked)
    case 'connect':
      return each(asked.links, link => connect(asked.fleet, link))
    case 'leave':
      return leave()
  }
}

async function enroll({ fleet, port, token, count }: Extract<Ask, { ask: 'enroll' }>): Promise<void> {
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` }
  const enrolled: Device[] = []
  const numbers = Array.from({ length: count }, (_, i) => i)
  const idle: Line[] = []
  await each(numbers, async number => {
    const line = idle.pop() ?? (await openLine({ port, anchor: fleet.anchor }))
    const { csr, key } = await makeDeviceKey()
    const response = await line.ask(post('/v1/enroll', headers, JSON.stringify({ csr, name: `device-${number}` })))
    if (statusOf(response) !== 201) throw new Error(`device-${number}: ${response.toString('latin1')}`)
    const { certificate, chain } = bodyOf(response) as { certificate: string; chain: string }
    enrolled[number] = { cert: certificate + chain, key }
    idle.push(line)
  })
  for (const line of idle) line.close()
  devices[fleet.id] = enrolled
}

async function connect({ id, anchor }: Fleet, link: Link): Promise<void> {
  const { device, port, path } = link
  const context = createSecureContext({ ca: anchor, ...devices[id]![device]! })
  const line = await openLine({ port, anchor, context })
  const held = { line, link, asked: monotonic() }
  open.set(device, held)
  line.onClose(() => {
    const at = monotonic()
    // Not one that left by itself.
    if (open.get(device) !== held) return
    open.delete(device)
    say({ say: 'closed', device, at })
  })
  const response = await line.ask(get(path))
  if (statusOf(response) !== 200) throw new Error(`device-${device}: ${response.toString('latin1')}`)
}

async function leave(): Promise<void> {
  const all = [...open.values()]
  open.clear()
  for (const { line } of all) line.close()
}

function stayAwake(): void {
  const late = [...open.values()].filter(({ asked }) => monotonic() - asked > beat)
  for (const held of late.slice(0, mostAwake)) {
    held.asked = monotonic()
    // Where it is closed meanwhile, that is said by itself.
    held.line.ask(get(held.link.path)).catch(() => undefined)
  }
}

async function each<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < items.length) await work(items[next++]!)
  }
  await Promise.all(Array.from({ length: parallel }, worker))
}
