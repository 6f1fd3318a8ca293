import type { Logger } from 'pino'

interface Jobs {
  readonly log: Logger
  everyMinute(): Promise<void>
  everyHour(): Promise<void>
}

/** What the platform does by itself, by the clock. A job that fails is logged and tried again next time. */
export function startJobs({ log, everyMinute, everyHour }: Jobs): { stop(): void } {
  const run = (name: string, job: () => Promise<void>) => () => {
    job().catch((error: unknown) => log.error({ err: error, job: name }, 'job failed'))
  }
  const timers = [setInterval(run('minute', everyMinute), 60_000), setInterval(run('hour', everyHour), 3_600_000)]
  for (const timer of timers) timer.unref()
  return {
    stop() {
      for (const timer of timers) clearInterval(timer)
    },
  }
}
