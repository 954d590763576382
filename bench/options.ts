import { parseArgs } from 'node:util'

export interface Options {
  /** Substrings of scenario names; empty: all of them. */
  readonly scenarios: readonly string[]
  readonly seconds: number
  readonly warmUpSeconds: number
  readonly repetitions: number
  /** Distinct subject tokens that are signed beforehand, of each kind. */
  readonly tokens: number
  readonly organizations: number
  /** Fresh servers that are started for a cold exchange, and to be timed. */
  readonly coldStarts: number
  /** Other binaries of Node.js to measure on; undefined: those of the other releases that the project runs on. */
  readonly nodes: readonly string[] | undefined
  readonly short: boolean
  /** Write a CPU profile of the server under the first scenario here. */
  readonly profile: string | undefined
  readonly json: string | undefined
  /** Write bench/RESULTS.md. */
  readonly record: boolean
  readonly inFlight: number
}

export const USAGE = `make bench ARGS="…": what an exchange costs, against the floor and the targets

  --short              a minute or two: to see that it runs, and that the counts of calls hold
  --scenario NAME      only scenarios with NAME in their name; may be repeated
  --seconds N          measured in each repetition (5)
  --warm-up N          before the first repetition of each scenario (10)
  --repetitions N      (3); three times as many of what ratios compare
  --tokens N           distinct subject tokens of each kind (20000)
  --organizations N    of the scenario with many installations (5000)
  --in-flight N        requests at once (64)
  --node PATH          measure on this Node.js too; may be repeated. Without it on the newest of each other release that
                       the project runs on, installed from npm into .cache/ (not with --scenario)
  --profile FILE       a CPU profile of the server during the first scenario, for Chrome's developer tools
  --json FILE          all results as JSON, also printed at the end
  --no-record          leave bench/RESULTS.md as it is (so do --short and --scenario)
`

/** Reads the command line. A text is what is wrong with it. */
export function readOptions(args: string[]): Options | string {
  let values: ReturnType<typeof parse>['values']
  try {
    values = parse(args).values
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
  if (values.help === true) return ''
  const short = values.short === true
  const number = (name: NumberOption, whole: number, brief: number) => Number(values[name] ?? (short ? brief : whole))
  const scenarios = values.scenario ?? []
  const options: Options = {
    scenarios,
    seconds: number('seconds', 5, 1),
    warmUpSeconds: number('warm-up', 10, 1),
    repetitions: number('repetitions', 3, 1),
    tokens: number('tokens', 20_000, 500),
    organizations: number('organizations', 5_000, 6_000), // the brief one measures nothing, but counts the calls of many
    coldStarts: short ? 1 : 5,
    nodes: values.node ?? (scenarios.length > 0 ? [] : undefined),
    inFlight: number('in-flight', 64, 64),
    short,
    profile: values.profile,
    json: values.json,
    record: !short && scenarios.length === 0 && values['no-record'] !== true,
  }
  const wrong = NUMBERS.find((name) => values[name] !== undefined && !(Number(values[name]) > 0))
  return wrong === undefined ? options : `--${wrong} must be a number above 0, not ${values[wrong]}`
}

function parse(args: string[]) {
  return parseArgs({
    args,
    options: {
      short: { type: 'boolean' },
      scenario: { type: 'string', multiple: true },
      seconds: { type: 'string' },
      'warm-up': { type: 'string' },
      repetitions: { type: 'string' },
      tokens: { type: 'string' },
      organizations: { type: 'string' },
      'in-flight': { type: 'string' },
      node: { type: 'string', multiple: true },
      profile: { type: 'string' },
      json: { type: 'string' },
      'no-record': { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  })
}

const NUMBERS = ['seconds', 'warm-up', 'repetitions', 'tokens', 'organizations', 'in-flight'] as const
type NumberOption = (typeof NUMBERS)[number]
