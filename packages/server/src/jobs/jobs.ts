import type { Logger } from 'pino'

/** What the platform does by itself. Each can be done at any time, and again. */
export interface Jobs {
  /** Writes down what was counted. */
  everyMinute(): Promise<void>
  /** Renews the platform's own certificates where it is time. */
  everyHour(): Promise<void>
}

/**
 * Does the jobs by the clock. One that fails is logged and tried again next time.
 * @param failed told of every failure
 */
export function startJobs(jobs: Jobs, log: Logger, failed: (error: unknown) => void): { stop(): void } {
  const run = (name: keyof Jobs) => () => {
    jobs[name]().catch((error: unknown) => {
      log.error({ err: error, job: name }, 'job failed')
      failed(error)
    })
  }
  const timers = [setInterval(run('everyMinute'), 60_000), setInterval(run('everyHour'), 3_600_000)]
  for (const timer of timers) timer.unref()
  return {
    stop() {
      for (const timer of timers) clearInterval(timer)
    },
  }
}
