import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Command, InvalidArgumentError } from 'commander'
import { Stage } from '../demo/stage.ts'
import { example, helpGroups, jsonOption } from '../options.ts'
import { isJson, print, table } from '../print.ts'

/** `demo` */
export function registerDemo(program: Command): void {
  const demo = program
    .command('demo')
    .helpGroup(helpGroups.operator)
    .description('the whole story in one terminal: a platform and a fleet of its own, gone when it ends')
    .option('--devices <count>', 'how many devices', readDevices, 25)
    .option('--keep <dir>', 'keep platform and devices in a new directory, and run on until Ctrl-C')
    .addOption(jsonOption())
    .action(runDemo)
  example(demo, 'mintmark demo', 'mintmark demo --keep ./demo')
}

interface Options {
  readonly devices: number
  readonly keep?: string
}

async function runDemo({ devices, keep }: Options, command: Command): Promise<void> {
  const { play } = await import('../demo/play.ts')
  const began = performance.now()
  const directory = keep ?? mkdtempSync(join(tmpdir(), 'mintmark-demo-'))
  const { writeErr, getErrHasColors } = command.configureOutput()
  const live = !isJson(command) && process.stderr.isTTY
  const stage = new Stage(isJson(command) ? () => undefined : (writeErr ?? (() => undefined)), {
    live,
    colours: getErrHasColors?.() ?? false,
  })
  try {
    const { platform, facts } = await play({ directory, devices, isNew: keep !== undefined }, stage)
    try {
      const seconds = (performance.now() - began) / 1_000
      const rows = stage.steps.map(({ title, found, milliseconds }) => [title, found, `${milliseconds} ms`])
      const heads = ['WHAT HAPPENED', 'WHAT WAS SEEN', 'TIME']
      const text = [
        '',
        table(command, heads, rows),
        '',
        `${stage.steps.length} of ${stage.steps.length} as they should be, in ${seconds.toFixed(1)} s.`,
        ...(keep === undefined ? ['Next: npm start, and docs/operator.md'] : running(keep, platform.console)),
      ].join('\n')
      print(command, { json: { ok: true, steps: stage.steps, ...facts, seconds }, text })
      if (keep !== undefined) await interrupted()
    } finally {
      await platform.stop()
    }
  } catch (error) {
    stage.fail()
    throw error
  } finally {
    if (keep === undefined) rmSync(directory, { recursive: true, force: true })
  }
}

const running = (keep: string, page: string): string[] => [
  `It runs on: ${page}trust. Ctrl-C ends it.`,
  `  mintmark console --data ${join(keep, 'platform')}`,
  `  mintmark device list --fleet acme --data ${join(keep, 'platform')}`,
  `  mintmark whoami --home ${join(keep, 'device-01')}`,
]

const interrupted = (): Promise<void> =>
  new Promise(resolve => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve())
  })

function readDevices(text: string): number {
  const count = Number(text)
  if (!/^\d{1,4}$/.test(text) || count < 10) throw new InvalidArgumentError('Say how many, 10 or more.')
  return count
}
