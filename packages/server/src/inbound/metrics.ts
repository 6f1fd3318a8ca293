import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

/** Counts and times for Prometheus: names of operations and codes only, never a name, an address or a payload. */
export interface Metrics {
  /** Begins one request; the function it returns ends it. */
  request(): (status: number) => void
  refused(code: string): void
  /** Gives the number of identities with an open socket. */
  watch(identities: () => number): void
  /** Begins to count what becomes of sealed messages at a sink, and shows how many wait for it. */
  relayed(sink: string, waiting: () => number): (outcome: string) => void
  /** Text exposition format. */
  render(): Promise<string>
}

export function makeMetrics(): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const registers = [registry]
  const refusals = new Counter({
    name: 'mintmark_refusals_total',
    help: 'Requests refused, by code',
    labelNames: ['code'],
    registers,
  })
  const requests = new Histogram({
    name: 'mintmark_request_seconds',
    help: 'Requests answered, by status class',
    labelNames: ['status'],
    buckets: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3],
    registers,
  })
  const relays = new Counter({
    name: 'mintmark_relayed_total',
    help: 'Sealed messages by what became of them at a sink: sent, full, late or failed',
    labelNames: ['sink', 'outcome'],
    registers,
  })
  const waits = new Map<string, () => number>()
  new Gauge({
    name: 'mintmark_relay_waiting',
    help: 'Sealed messages that wait for a sink',
    labelNames: ['sink'],
    registers,
    collect() {
      for (const [sink, waiting] of waits) this.set({ sink }, waiting())
    },
  })
  // By status class, looked up once: on the way of every request.
  const timers = new Map<number, { observe(seconds: number): void }>()
  const timerOf = (status: number): { observe(seconds: number): void } => {
    const kind = Math.floor(status / 100)
    const known = timers.get(kind)
    if (known) return known
    const timer = requests.labels({ status: `${kind}xx` })
    timers.set(kind, timer)
    return timer
  }
  return {
    request() {
      const begun = performance.now()
      return status => timerOf(status).observe((performance.now() - begun) / 1000)
    },
    refused: code => refusals.inc({ code }),
    watch(identities) {
      new Gauge({
        name: 'mintmark_identities_connected',
        help: 'Identities with an open connection',
        registers,
        collect() {
          this.set(identities())
        },
      })
    },
    relayed(sink, waiting) {
      waits.set(sink, waiting)
      return outcome => relays.inc({ sink, outcome })
    },
    render: () => registry.metrics(),
  }
}
