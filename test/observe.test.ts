import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, test } from '@jest/globals'
import { Ajv } from 'ajv'
import { FAILSAFE_SCHEMA, load } from 'js-yaml'
import { METRICS, type MetricDefinition } from '../src/audit/metric-catalogue.ts'
import { createMetrics } from '../src/audit/metrics.ts'
import type { Step } from '../src/exchange/record.ts'
import { Denial } from '../src/terms/denial.ts'
import { REASONS } from '../src/wire/status.ts'
import { issuedRecord, refusedRecord } from './audit/records.ts'

/** The dashboard, the alert rules and the page say what there really is: each selector finds a series where all have happened. */
const DEFINITIONS: readonly MetricDefinition[] = Object.values(METRICS)
const RULES = load(read('deploy/prometheus/alerts.yaml'), { schema: FAILSAFE_SCHEMA }) as RulesFile
const DASHBOARD = JSON.parse(read('deploy/grafana/octo-sts.json')) as Dashboard
const PAGE = read('docs/observe.md')
  .replace(/ +\| +/g, ' | ')
  .replace(/ +\|$/gm, ' |')

interface RulesFile {
  readonly groups: readonly { readonly rules: readonly Rule[] }[]
}
interface Rule {
  readonly alert: string
  readonly expr: string
  readonly annotations: Readonly<Record<string, string>>
}
interface Dashboard {
  readonly panels: readonly {
    readonly id: number
    readonly title: string
    readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
    readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[]
  }[]
}
interface Series {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
}

/** Each series, and the name of each metric, with series or without. */
let all: readonly Series[]
let known: readonly string[]

beforeAll(async () => {
  const text = await everything()
  all = [...seriesOf(text), ...GARBAGE]
  known = [...text.matchAll(/^# TYPE (\S+)/gm)].map((match) => match[1] ?? '')
})

const ALERTS = RULES.groups.flatMap(({ rules }) => rules)
const TARGETS = DASHBOARD.panels.flatMap(({ title, targets = [] }) => targets.map((target) => ({ title, ...target })))
const EXPRESSIONS = [
  ...ALERTS.map(({ alert, expr }) => [alert, expr] as const),
  ...TARGETS.map(({ title, expr, legendFormat }) => [`${title}: ${legendFormat}`, expr] as const),
]

describe('expressions', () => {
  test.each(EXPRESSIONS)('%s selects what there is', (_, expr) => {
    const selectors = selectorsOf(expr)
    expect(selectors).not.toEqual([])
    for (const { name, matchers, text } of selectors) {
      const found = all.filter(
        (series) => series.name === name && matchers.every((matcher) => matches(series, matcher)),
      )
      expect({ text, found: found.length > 0 }).toEqual({ text, found: true })
    }
  })

  test.each(EXPRESSIONS)('%s groups by labels that its metrics have', (_, expr) => {
    for (const label of groupsOf(expr).flat()) {
      expect(selectorsOf(expr).filter(({ name }) => !labelsOf(name).has(label))).toEqual([])
    }
  })

  test.each(EXPRESSIONS)('%s has as many brackets open as closed, and nothing else', (_, expr) => {
    const bare = expr.replace(/"[^"]*"/g, '')
    for (const [open, close] of ['()', '{}', '[]'].map((pair) => [...pair] as [string, string]))
      expect(bare.split(open)).toHaveLength(bare.split(close).length)
    const words = bare
      .replace(/\{[^}]*\}|\[[^\]]*\]/g, '')
      .match(/[A-Za-z_$][\w$]*/g)
      ?.filter((word) => !/^(?:octo_sts|process|nodejs)_/.test(word) && !groupsOf(expr).flat().includes(word))
    expect((words ?? []).filter((word) => !PROMQL.has(word))).toEqual([])
  })
})

describe('what people read', () => {
  test.each(ALERTS.map((rule) => [rule.alert, rule] as const))('%s tells only labels that it has', (_, rule) => {
    const told = Object.values(rule.annotations).flatMap((text) => [...text.matchAll(/\$labels\.(\w+)/g)])
    for (const [, label = ''] of told) expect([...remaining(rule.expr)]).toContain(label)
  })

  test.each(TARGETS.map((target) => [`${target.title}: ${target.legendFormat}`, target] as const))(
    '%s tells only labels that it has',
    (_, { expr, legendFormat }) => {
      for (const [, label = ''] of legendFormat.matchAll(/\{\{(\w+)\}\}/g))
        expect([...remaining(expr)]).toContain(label)
    },
  )
})

describe('the alert rules', () => {
  test('have the structure that Prometheus reads', () => {
    const text = { type: 'string', minLength: 1 }
    const duration = { type: 'string', pattern: '^\\d+[smhd]$' }
    const rule = {
      type: 'object',
      required: ['alert', 'expr', 'labels', 'annotations'],
      additionalProperties: false,
      properties: {
        alert: { type: 'string', pattern: '^OctoSts[A-Za-z]+$' },
        expr: text,
        for: duration,
        labels: {
          type: 'object',
          required: ['severity'],
          additionalProperties: false,
          properties: { severity: { enum: ['page', 'ticket'] } },
        },
        annotations: {
          type: 'object',
          required: ['summary', 'description'],
          additionalProperties: false,
          properties: { summary: text, description: text },
        },
      },
    }
    const group = {
      type: 'object',
      required: ['name', 'rules'],
      additionalProperties: false,
      properties: { name: text, rules: { type: 'array', minItems: 1, items: rule } },
    }
    const file = {
      type: 'object',
      required: ['groups'],
      additionalProperties: false,
      properties: { groups: { type: 'array', minItems: 1, items: group } },
    }
    const ajv = new Ajv({ allErrors: true })
    ajv.validate(file, RULES)
    expect(ajv.errors ?? []).toEqual([])
  })

  test('each has a name of its own, and its place on the page', () => {
    const names = ALERTS.map(({ alert }) => alert)
    expect(new Set(names).size).toBe(names.length)
    expect(names.filter((name) => !PAGE.includes(`| \`${name}\` |`))).toEqual([])
    const told = [...PAGE.matchAll(/^\| `(OctoSts\w+)` \|/gm)].map((match) => match[1])
    expect(told).toEqual(names)
  })
})

test("the dashboard's panels have ids and places of their own", () => {
  const { panels } = DASHBOARD
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
  const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
    Array.from({ length: w * h }, (_, index) => `${x + (index % w)},${y + Math.floor(index / w)}`),
  )
  expect(new Set(cells).size).toBe(cells.length)
  expect(panels.filter(({ gridPos: { x, w } }) => x + w > 24)).toEqual([])
})

describe('the page', () => {
  test.each(DEFINITIONS.map((definition) => [definition.name, definition] as const))('%s has its row', (_, metric) => {
    const labels = metric.labels.length === 0 ? '' : metric.labels.map((label) => `\`${label}\``).join(', ')
    const row = `| \`${metric.name}\` | ${metric.type} | ${labels} | ${metric.help} |`.replace(/ +\| +/g, ' | ')
    expect(PAGE).toContain(row)
  })

  test('every metric of the process is named, and none that there is not', () => {
    const told = [...PAGE.matchAll(/`((?:octo_sts|process|nodejs)_\w+)`/g)].map((match) => match[1] ?? '')
    expect([...new Set(told)].sort()).toEqual([...known].sort())
  })
})

/** All series there can be, of a service in which everything has happened once. */
async function everything(): Promise<string> {
  const metrics = createMetrics({ version: '1.0.0', listedIssuers: ['https://listed.example'], now: () => 0 })
  const step: Step[] = ['verify', 'installation', 'trusted_issuers', 'policy', 'evaluate', 'repositories', 'mint']
  const steps = new Map(step.map((each) => [each, 1]))
  for (const mode of ['audit', 'enforce', 'absent'] as const) {
    for (const allowed of [true, false]) {
      const issuerAllowlist = { mode, allowed, iss: 'https://listed.example' }
      metrics.observeExchange(issuedRecord({ steps, issuerAllowlist, selfWrite: ['contents'] }))
    }
  }
  for (const reason of REASONS) metrics.observeExchange(refusedRecord(new Denial(reason, 'no')))
  for (const status of [200, 304, 403, 429, 503, undefined]) {
    const quota = { limit: 5_000, remaining: 1, resetAtMs: 1 }
    const call = { method: 'GET', route: '/app', status, durationMs: 1, appId: 1, quota }
    metrics.observeGitHubCall({ ...call, installationId: undefined })
  }
  for (const cache of ['installation', 'policy', 'trusted_issuers', 'reader_token', 'repositories'] as const) {
    for (const outcome of ['hit', 'miss', 'stale'] as const) metrics.observeCache({ cache, outcome })
  }
  for (const issuer of ['https://listed.example', 'https://other.example']) {
    for (const outcome of ['ok', 'invalid', 'forbidden', 'unavailable', 'busy'] as const)
      metrics.observeIssuerFetch({ issuer, outcome, durationMs: 1 })
  }
  metrics.observeSignature({ provider: 'gcp', outcome: 'ok', durationMs: 1 })
  for (const event of ['push', 'unheard of']) {
    for (const status of [202, 401, 500]) metrics.observeWebhook({ event, status })
  }
  metrics.bindEvents({ dropped: () => 1, waiting: () => 1 })
  metrics.bindStore({ kind: 'redis', isHealthy: () => true })
  metrics.bindReady(() => true)
  return metrics.text()
}

/** Seen only once garbage was collected. */
const GARBAGE: readonly Series[] = ['bucket', 'sum', 'count'].map((part) => ({
  name: `nodejs_gc_duration_seconds_${part}`,
  labels: { kind: 'major' },
}))

function seriesOf(text: string): Series[] {
  return text.split('\n').flatMap((line) => {
    const [, name, labels = ''] = /^([a-z_0-9]+)(?:\{(.*)\})? \S+$/.exec(line) ?? []
    if (name === undefined) return []
    return [
      {
        name,
        labels: Object.fromEntries(
          [...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, key = '', value = '']) => [key, value]),
        ),
      },
    ]
  })
}

interface Matcher {
  readonly label: string
  readonly operator: string
  readonly value: string
}

function selectorsOf(expr: string) {
  const selectors = expr.matchAll(/\b((?:octo_sts|process|nodejs)_\w+)(?:\{([^}]*)\})?/g)
  return [...selectors].map(([text, name = '', inside = '']) => ({
    text,
    name,
    matchers: [...inside.matchAll(/(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"/g)].map(
      ([, label = '', operator = '', value = '']): Matcher => ({ label, operator, value }),
    ),
  }))
}

/** What Prometheus would say; a label that is not there is empty. `instance` is Prometheus' own. */
function matches({ name, labels }: Series, { label, operator, value }: Matcher): boolean {
  if (label === 'instance') return true
  expect([name, [...labelsOf(name)]]).toEqual([name, expect.arrayContaining([label])])
  const has = labels[label] ?? ''
  const equal = operator.includes('~') ? new RegExp(`^(?:${value})$`).test(has) : has === value
  return operator.startsWith('!') ? !equal : equal
}

function labelsOf(name: string): ReadonlySet<string> {
  return new Set([
    ...all.filter((series) => series.name === name).flatMap(({ labels }) => Object.keys(labels)),
    'instance',
  ])
}

/** The labels of each `by (…)`, the outermost first. */
function groupsOf(expr: string): string[][] {
  return [...expr.matchAll(/\bby\s*\(([^)]*)\)/g)].map(([, labels = '']) =>
    labels.split(',').map((label) => label.trim()),
  )
}

/** The labels that the result has. */
function remaining(expr: string): ReadonlySet<string> {
  const [outermost] = groupsOf(expr)
  if (outermost !== undefined) return new Set(outermost)
  if (/\b(?:sum|min|count)\s*\(/.test(expr)) return new Set()
  return new Set(selectorsOf(expr).flatMap(({ name }) => [...labelsOf(name)]))
}

function read(path: string): string {
  return readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), 'utf8')
}

const PROMQL: ReadonlySet<string> = new Set(
  'absent bottomk by count histogram_quantile increase min or rate sum'.split(' '),
)
