import { parentPort, workerData } from 'node:worker_threads'
import { type Load, mintmark } from './message-load.ts'

// One core of several: makes its messages, says that it has them, and receives them when all others have theirs.

const load = workerData as Load
const half = load.count / 2
const receive = await mintmark(load)
for (let i = 0; i < half; i++) await receive()
parentPort!.postMessage('ready')
parentPort!.once('message', async () => {
  const start = performance.now()
  for (let i = 0; i < half; i++) await receive()
  parentPort!.postMessage(half / ((performance.now() - start) / 1_000))
})
