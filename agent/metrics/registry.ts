import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'

/** One value of a metric; the labels are those that its definition names. */
export interface Sample {
  readonly labels?: Readonly<Record<string, string>>
  readonly value: number
}

/** A metric whose values are pulled when the page is asked for; nothing is counted twice. */
export interface MetricDefinition {
  /** In snake case, with unit; a counter ends in `_total`. */
  readonly name: string
  readonly help: string
  /** `counter` only rises until the process ends; `gauge` moves freely. */
  readonly type: 'counter' | 'gauge'
  readonly labels?: readonly string[]
  /** The present values, from a snapshot of somebody's counters. */
  read(): number | readonly Sample[]
}

/** A registry of its own with the metrics of the process and `definitions`. */
export function createRegistry(definitions: readonly MetricDefinition[]): Registry {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  for (const definition of definitions) register(definition, registry)
  return registry
}

function register(definition: MetricDefinition, registry: Registry): void {
  const { name, help, labels = [] } = definition
  const options = { name, help, labelNames: [...labels], registers: [registry] }
  if (definition.type === 'gauge') {
    new Gauge({
      ...options,
      collect() {
        this.reset()
        for (const { labels, value } of samples(definition)) this.set(labels ?? {}, value)
      },
    })
    return
  }
  new Counter({
    ...options,
    collect() {
      // A snapshot replaces what was shown before; prom-client's counters can only be added to.
      this.reset()
      for (const { labels, value } of samples(definition)) this.inc(labels ?? {}, value)
    },
  })
}

function samples(definition: MetricDefinition): readonly Sample[] {
  const values = definition.read()
  return typeof values === 'number' ? [{ value: values }] : values
}
