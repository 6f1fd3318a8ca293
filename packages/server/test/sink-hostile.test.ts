import { type AddressInfo, createServer, type Socket } from 'node:net'
import { afterEach, expect, onTestFinished, test, vi } from 'vitest'
import { openScene, until } from './sink-scene.ts'

// A server that a sink is told to trust, and that does what none of its kind does. Over a protocol in clear that is
// anybody on the way.

afterEach(() => vi.restoreAllMocks())

/** A server that plays to each connection. */
async function hostile(play: (socket: Socket) => void, allowHalfOpen = false) {
  const open = new Set<Socket>()
  const all = { connections: 0 }
  const server = createServer({ allowHalfOpen }, socket => {
    all.connections++
    open.add(socket)
    socket.on('close', () => open.delete(socket))
    socket.on('error', () => undefined)
    play(socket)
  })
  await new Promise<void>(resolve => void server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.close()
    for (const socket of open) socket.destroy()
  })
  return { all, open, port: (server.address() as AddressInfo).port }
}

/** Greets, and answers each PING until it says what it says instead. */
const nats = (instead: string) => (socket: Socket) => {
  socket.write('INFO {"server_id":"x","version":"2.9.10","proto":1,"max_payload":1048576}\r\n')
  let pings = 0
  socket.on('data', chunk => {
    if (!chunk.includes('PING')) return
    pings++
    socket.write(pings === 1 ? 'PONG\r\n' : instead)
  })
}

test.each([
  ['garbage', 'garbage\r\n'],
  ['INFO that is no JSON', 'INFO {x\r\n'],
  ['of a message of two gigabytes', 'MSG a 99 1900000000\r\n'],
  ['a message', 'MSG a 1 2\r\nhi\r\n'],
  ['what a terminal would show', '\u001b[2J{"level":60}\r\n{"ready":true}\r\n'],
  ['a line without an end', 'x'.repeat(70_000)],
])(
  'a NATS server that says %s is left, and connected to again',
  async (_, said) => {
    const out = vi.spyOn(console, 'log').mockImplementation(() => undefined)
    const { all, open, port } = await hostile(nats(said))
    const { offer, openSinks } = openScene()
    openSinks([`nats://127.0.0.1:${port}`], undefined)
    // The first answer is to the PING of the connection, the next to that behind a message.
    await until(() => all.connections === 1)
    offer()
    await until(() => {
      offer()
      return all.connections > 1
    })
    expect(open.size).toBeLessThanOrEqual(1)
    expect(out).not.toHaveBeenCalled()
  },
  30_000,
)

const connack = Buffer.from([0x20, 2, 0, 0])

test.each([
  ['publishes with QoS 2', (id: number) => Buffer.from([0x34, 6, 0, 1, 0x61, id >> 8, id & 0xff, 0x78])],
  ['publishes', () => Buffer.from([0x30, 4, 0, 1, 0x61, 0x78])],
  ['says what is no MQTT', () => Buffer.alloc(1_000, 0xff)],
])(
  'an MQTT broker that %s is left, and connected to again',
  async (_, packet) => {
    const { all, port } = await hostile(socket => {
      socket.once('data', () => {
        socket.write(connack)
        for (let id = 1; id <= 20; id++) socket.write(packet(id))
      })
    })
    const { openSinks } = openScene()
    openSinks([`mqtt://127.0.0.1:${port}`], undefined)
    await until(() => all.connections > 2)
  },
  30_000,
)

test('a webhook that never stops to speak holds no connection, and not the end either', async () => {
  const { all, open, port } = await hostile(socket => {
    const timer = setInterval(() => socket.write('x'), 20)
    socket.on('close', () => clearInterval(timer))
  }, true)
  const { openSinks, close } = openScene()
  openSinks([`http://127.0.0.1:${port}`], undefined)
  await until(() => all.connections === 1)
  await new Promise(resolve => setTimeout(resolve, 200))
  await close()
  await until(() => open.size === 0)
})
