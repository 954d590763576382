import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { MetricDefinition } from './metric-catalogue.ts'

/**
 * prom-client's counter and histogram with series that are plain numbers. Its own find a series by a text of all labels
 * at each observation, which costs half a microsecond and some garbage; these are found once and kept by who counts.
 */

type Labels = Readonly<Record<string, string>>

/** One series of a counter: add to `value`. */
export interface Count {
  readonly labels: Labels
  value: number
}

export class SeriesCounter extends Counter {
  readonly #series: Count[] = []

  constructor({ name, help, labels }: MetricDefinition, registry: Registry) {
    super({ name, help, labelNames: labels, registers: [registry] })
  }

  /** A new series, at 0. To be asked for once for the same labels. */
  series(labels: Labels): Count {
    const count = { labels, value: 0 }
    this.#series.push(count)
    return count
  }

  override async get() {
    return { ...(await super.get()), values: this.#series }
  }
}

export class SeriesHistogram extends Histogram {
  readonly #definition: MetricDefinition
  readonly #series: Distribution[] = []

  constructor(definition: MetricDefinition, registry: Registry) {
    const { name, help, labels } = definition
    super({ name, help, labelNames: labels, registers: [registry] })
    this.#definition = definition
  }

  /** A new series without observations. To be asked for once for the same labels. */
  series(labels: Labels): Distribution {
    const distribution = new Distribution(labels, this.#definition.buckets ?? [])
    this.#series.push(distribution)
    return distribution
  }

  /** What prom-client's `get`, and its registry when it writes text, ask for. */
  async getForPromString() {
    const { name, help, type } = this.#definition
    return { name, help, type, aggregator: 'sum', values: this.#series.flatMap((each) => each.values(name)) }
  }
}

/** One series of a histogram. */
export class Distribution {
  readonly #labels: Labels
  readonly #bounds: readonly number[]
  /** Of each bucket alone; the last is above all bounds. */
  readonly #counts: Float64Array
  #sum = 0

  constructor(labels: Labels, bounds: readonly number[]) {
    this.#labels = labels
    this.#bounds = bounds
    this.#counts = new Float64Array(bounds.length + 1)
  }

  observe(value: number): void {
    let index = 0
    while (index < this.#bounds.length && value > (this.#bounds[index] ?? 0)) index += 1
    this.#counts[index] = (this.#counts[index] ?? 0) + 1
    this.#sum += value
  }

  /** As Prometheus has them: buckets that add up, then sum and count. */
  values(name: string) {
    const sharedLabels = this.#labels
    let below = 0
    const buckets = Array.from(this.#counts, (count, index) => {
      below += count
      const labels = { le: this.#bounds[index] ?? '+Inf' }
      return { metricName: `${name}_bucket`, labels, sharedLabels, value: below }
    })
    return [
      ...buckets,
      { metricName: `${name}_sum`, labels: {}, sharedLabels, value: this.#sum },
      { metricName: `${name}_count`, labels: {}, sharedLabels, value: below },
    ]
  }
}

/** A gauge or counter that is looked up when it is asked for. */
export function collected(
  { name, help, labels, type, aggregator = 'sum' }: MetricDefinition,
  { registry, look }: { readonly registry: Registry; readonly look: () => readonly Count[] },
): void {
  const settings = { name, help, labelNames: labels, registers: [registry], aggregator }
  if (type === 'counter') {
    new Counter({
      ...settings,
      collect() {
        this.reset()
        for (const { labels: of, value } of look()) this.inc(of, value)
      },
    })
    return
  }
  new Gauge({
    ...settings,
    collect() {
      this.reset()
      // A gauge without labels is 0 from the start on; what is not known is no number.
      for (const { labels: of, value } of look()) this.set(of, value)
    },
  })
}

/** Makes the value of each key once. After `limit` keys all others share the one of `rest`. */
export function once<Key extends string | number, Value>(
  make: (key: Key) => Value,
  bound?: { readonly limit: number; readonly rest: Key },
): (key: Key) => Value {
  const made = new Map<Key, Value>()
  const find = (key: Key): Value => {
    const known = made.get(key)
    if (known !== undefined) return known
    if (bound !== undefined && key !== bound.rest && made.size >= bound.limit) return find(bound.rest)
    const value = make(key)
    made.set(key, value)
    return value
  }
  return find
}
