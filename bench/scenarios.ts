import { organizationTargets, type Size, type Target, turns } from './bench-policies.ts'
import type { NodeBinary } from './node-binaries.ts'
import type { TokenOrder } from './subject-tokens.ts'

/**
 * Who answers: the service with few policies, with many organizations, as two workers, or the floor, as one process or two;
 * and `alone`, which like the workers has seen nothing but the scenario that it is compared in.
 */
export type Subject = 'service' | 'large' | 'alone' | 'workers' | 'floor' | 'floors'

/** A load that is kept up and measured. */
export interface Scenario {
  readonly name: string
  readonly subject: Subject
  readonly protocol: 'grpc' | 'http'
  readonly algorithm: TokenOrder['algorithm']
  readonly flaw?: TokenOrder['flaw']
  readonly targets: readonly Target[]
  /** Of gRPC; as many as usual when absent. */
  readonly connections?: number
  /** The gRPC code of every answer: 0 is a token. Any other answer fails the run. */
  readonly code: number
  /** GitHub calls of one exchange when all is warm, which a run must show. */
  readonly calls: number
  /** What the server runs on; this process's own Node.js when absent. */
  readonly node?: NodeBinary
}

/** The exchanges that are measured beside their floor, on every Node.js. */
export const FLOORED = ['gRPC RS256', 'gRPC ES256', 'HTTP RS256', 'HTTP ES256'] as const
export const floorOf = (exchange: string) => `floor ${exchange}`
export const warm = (exchange: string) => `warm ${exchange}`

/** Of the given scenarios those of some exchanges, and of their floors, on another Node.js. */
export function scenariosOn(
  node: NodeBinary,
  { scenarios, exchanges }: { readonly scenarios: readonly Scenario[]; readonly exchanges: readonly string[] },
): readonly Scenario[] {
  const names = exchanges.flatMap((exchange) => [floorOf(exchange), warm(exchange)])
  return scenarios.filter(({ name }) => names.includes(name)).map((scenario) => ({ ...scenario, node }))
}

export const ONE_WORKER = 'one worker'
export const TWO_WORKERS = 'two workers'
/** What the machine takes for a second process, whatever it runs. */
export const ONE_FLOOR = 'one floor'
export const TWO_FLOORS = 'two floors'

/** Whether several processes share the port. */
export function isShared({ subject }: Pick<Scenario, 'subject'>): boolean {
  return subject === 'workers' || subject === 'floors'
}

const CI: readonly Target[] = [{ scope: 'acme/app', identity: 'ci' }]
const to = (identity: string, scope = 'acme/app'): readonly Target[] => [{ scope, identity }]
const GRANTED = { protocol: 'grpc', algorithm: 'RS256', code: 0, calls: 1 } as const
const REFUSED = { ...GRANTED, subject: 'service', calls: 0 } as const

/** Connections go to workers in turn: enough that none of them is left out, and none has many more than another. */
const SPREAD = { ...GRANTED, targets: CI, connections: 16 } as const

/** UNAUTHENTICATED, PERMISSION_DENIED and NOT_FOUND of gRPC. */
const [UNAUTHENTICATED, PERMISSION_DENIED, NOT_FOUND] = [16, 7, 5] as const
/** Identities that nobody has: more than a run's repetition would need to look up one by one. */
const UNKNOWN_IDENTITIES = 5_000

/** In the order in which each repetition takes them: what a ratio compares stands side by side. */
export function scenariosFor(organizations: Size): readonly Scenario[] {
  return [
    { ...GRANTED, name: 'floor gRPC RS256', subject: 'floor', targets: CI },
    { ...GRANTED, name: 'warm gRPC RS256', subject: 'service', targets: CI },
    { ...GRANTED, name: 'many organizations', subject: 'large', targets: organizationTargets(organizations) },
    { ...GRANTED, name: 'one claim pattern', subject: 'service', targets: to('one-pattern') },
    { ...GRANTED, name: 'twenty claim patterns', subject: 'service', targets: to('twenty-patterns') },
    { ...GRANTED, name: 'floor gRPC ES256', subject: 'floor', algorithm: 'ES256', targets: CI },
    { ...GRANTED, name: 'warm gRPC ES256', subject: 'service', algorithm: 'ES256', targets: CI },
    { ...GRANTED, name: 'floor HTTP RS256', subject: 'floor', protocol: 'http', targets: CI },
    { ...GRANTED, name: 'warm HTTP RS256', subject: 'service', protocol: 'http', targets: CI },
    { ...GRANTED, name: 'floor HTTP ES256', subject: 'floor', protocol: 'http', algorithm: 'ES256', targets: CI },
    { ...GRANTED, name: 'warm HTTP ES256', subject: 'service', protocol: 'http', algorithm: 'ES256', targets: CI },
    { ...SPREAD, name: ONE_WORKER, subject: 'alone' },
    { ...SPREAD, name: TWO_WORKERS, subject: 'workers' },
    { ...SPREAD, name: ONE_FLOOR, subject: 'floor' },
    { ...SPREAD, name: TWO_FLOORS, subject: 'floors' },
    { ...GRANTED, name: 'organization policy, 50 repositories', subject: 'service', targets: to('fleet', 'acme') },
    { ...GRANTED, name: '500 policies in turn', subject: 'service', targets: turns() },
    { ...REFUSED, name: 'refused: bad signature', flaw: 'bad-signature', targets: CI, code: UNAUTHENTICATED },
    { ...REFUSED, name: 'refused: unknown kid', flaw: 'unknown-kid', targets: CI, code: UNAUTHENTICATED },
    { ...REFUSED, name: 'refused: mismatch', targets: to('mismatch'), code: PERMISSION_DENIED },
    { ...REFUSED, name: 'refused: unknown identity', targets: unknownIdentities(), code: NOT_FOUND },
  ]
}

/** Names of the scenarios that one process serves in turn. */
export const SERVED_BY_ONE: readonly string[] = scenariosFor({ organizations: 0, policiesEach: 0 })
  .filter(({ subject }) => subject === 'service')
  .map(({ name }) => name)

function unknownIdentities(): readonly Target[] {
  return Array.from({ length: UNKNOWN_IDENTITIES }, (_, index) => ({
    scope: 'acme/app',
    identity: `nobody-${index}`,
  }))
}
