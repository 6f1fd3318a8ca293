import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startPostgres } from '@mintmark/testing'
import { need } from '../scripts/services.ts'
import { monotonic } from './clock.ts'
import { Crowd } from './crowd.ts'
import { percentile, shownTime } from './latency.ts'
import { memoryOf } from './measure.ts'
import { type Options, WrongUse } from './options.ts'
import { type Line, openLine, statusOf } from './raw-client.ts'
import { alone, type Scene, type Stage, together } from './revoke-scenes.ts'

// From sending a revocation until the device's connection is closed at its own end, and until the answer is there, with
// thousands of others connected, one revocation after another. Beside it a bare server that is told to destroy a socket.

export async function benchRevoke({ connections, revocations, rounds, postgres }: Options): Promise<void> {
  check(connections, revocations, postgres)
  const directory = mkdtempSync(join(tmpdir(), 'mintmark-bench-'))
  const crowd = new Crowd()
  const database = postgres ? await startPostgres({ shared_buffers: '128MB', max_wal_size: '1GB' }) : undefined
  try {
    // What is revoked in one round is not there in the next; two scenes have the same devices.
    const count = connections + revocations * rounds * 2
    const scenes = await alone(directory, crowd, count)
    if (database) scenes.push(...(await together(directory, database, crowd, count)))
    const results = scenes.map((): Round[] => [])
    for (let round = 0; round < rounds; round++) {
      for (const [i, scene] of scenes.entries()) {
        results[i]!.push(await measureRound(crowd, scene, { connections, revocations }))
      }
    }
    console.log(`revocation, ${connections} connections, ${revocations} after each other in each of ${rounds} rounds`)
    print(scenes, results)
  } finally {
    await crowd.end()
    await database?.remove()
    rmSync(directory, { recursive: true })
  }
}

function check(connections: number, revocations: number, postgres: boolean): void {
  if (revocations > connections) throw new WrongUse('more revocations than connections', 'npm run bench -- --help')
  const files = execFileSync('sh', ['-c', 'ulimit -Hn']).toString().trim()
  if (Number(files) < connections + 100) {
    throw new WrongUse(
      `a process here may open ${files} files`,
      'raise that with ulimit -n, or ask for fewer --connections',
    )
  }
  const missing = postgres ? need('initdb') : undefined
  if (missing) throw new WrongUse(missing, 'without --postgres, one process with SQLite is measured')
}

/** Milliseconds, one each a revocation; and bytes. */
interface Round {
  readonly closed: readonly number[]
  readonly answered: readonly number[]
  readonly memoryEach: number
}

interface Size {
  readonly connections: number
  readonly revocations: number
}

async function measureRound(crowd: Crowd, scene: Scene, { connections, revocations }: Size): Promise<Round> {
  const { fleet, good } = scene.devices
  const stage = await scene.start()
  try {
    const devices = good.slice(0, connections)
    const cuts = new Cuts()
    const before = memoryOfAll(stage)
    const links = devices.map((device, i) => ({
      device,
      port: stage.holders[i % stage.holders.length]!.port,
      path: stage.helloOf(device),
    }))
    await crowd.connect(fleet, links, (device, at) => cuts.tell(device, at))
    const memoryEach = (memoryOfAll(stage) - before) / connections
    const line = await openLine(stage.commander)
    const round = { closed: [] as number[], answered: [] as number[], memoryEach }
    for (let i = 0; i < revocations; i++) {
      const device = devices[Math.floor((i * connections) / revocations)]!
      const { closed, answered } = await cuts.cut(device, line, stage.orderOf(device))
      round.closed.push(closed)
      round.answered.push(answered)
      // The floor revokes nobody.
      if (stage.revokes) good.splice(good.indexOf(device), 1)
    }
    line.close()
    await crowd.leave()
    cuts.check()
    return round
  } finally {
    await stage.stop()
  }
}

const memoryOfAll = ({ holders }: Stage): number => holders.reduce((sum, { pid }) => sum + memoryOf(pid), 0)

/** Which connections are to be closed, and when each was. */
class Cuts {
  readonly #waiting = new Map<number, (at: number) => void>()
  #unexpected = 0

  tell(device: number, at: number): void {
    const told = this.#waiting.get(device)
    if (told) told(at)
    else this.#unexpected++
  }

  async cut(device: number, line: Line, order: Buffer): Promise<{ closed: number; answered: number }> {
    const closed = new Promise<number>((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`device-${device} is still connected`)), 10_000)
      this.#waiting.set(device, at => {
        clearTimeout(late)
        resolve(at)
      })
    })
    // Waited for below, unless the order itself fails.
    closed.catch(() => undefined)
    const begun = monotonic()
    const response = await line.ask(order)
    const answered = monotonic() - begun
    if (statusOf(response) !== 200) throw new Error(`nothing was measured: ${response.toString('latin1')}`)
    const at = await closed
    this.#waiting.delete(device)
    return { closed: at - begun, answered }
  }

  /** @throws where a connection was closed that nobody asked for: something else was measured then */
  check(): void {
    if (this.#unexpected > 0) throw new Error(`${this.#unexpected} connections of other devices were closed`)
  }
}

function print(scenes: readonly Scene[], results: readonly (readonly Round[])[]): void {
  const figure = (i: number, of: 'closed' | 'answered', hundredths: number): number =>
    percentile(
      results[i]!.flatMap(round => round[of]),
      hundredths,
    )
  for (const [i, { title, budget }] of scenes.entries()) {
    const shown = (['closed', 'answered'] as const).map(of => {
      const each = [50, 99].map(hundredths => {
        const times = (figure(i, of, hundredths) / figure(0, of, hundredths)).toFixed(1)
        return `p${hundredths} ${shownTime(figure(i, of, hundredths)).padStart(8)}${i === 0 ? '' : `, ${times}x`}`
      })
      return `${of} ${each.join('  ')}`
    })
    console.log(`  ${title.padEnd(28)} ${shown.join('   ')}${budget === undefined ? '' : `   (budget: ${budget})`}`)
  }
  for (const [i, { title }] of scenes.entries()) {
    const each = (of: number): number =>
      results[of]!.reduce((sum, { memoryEach }) => sum + memoryEach, 0) / results[of]!.length
    const ratio = i === 0 ? '' : `, ${(each(i) / each(0)).toFixed(2)}x`
    console.log(`  ${title.padEnd(28)} ${(each(i) / 1000).toFixed(0)} kB of memory a connection${ratio}`)
  }
}
