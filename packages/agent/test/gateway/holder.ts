// Run by kill.test.ts, and killed: puts readings into a queue, and says of each when it is there.
import { FileReadingQueue } from '../../src/node/index.ts'

const [directory = '', first = ''] = process.argv.slice(2)
const queue = await FileReadingQueue.open(directory)
setInterval(() => undefined, 60_000)
// Fewer than are taken of one device.
for (let i = Number(first); i < Number(first) + 900; i++) {
  queue.add({
    id: 'a'.repeat(32),
    device: 'sensor-7',
    received: i,
    measured: undefined,
    contentType: 'text/plain',
    data: new Uint8Array(1),
  })
  process.stdout.write(`${i}\n`)
}
