import { type ParseArgsConfig, parseArgs } from 'node:util'
import { type Reading, readApiUrl, readDuration, readInteger, readOneOf } from '../config/values.ts'
import { parseIdentity } from '../terms/identity.ts'
import { parseScope } from '../terms/scope.ts'
import type { Check, ExpectedRefusal } from './probe-checks.ts'
import { readCode, readReason } from './refusal-words.ts'
import type { Protocol } from './sts-client.ts'
import { readStsUrl, type StsUrl } from './sts-url.ts'
import { isVariableName, type TokenSource } from './token-source.ts'

export interface ProbeOptions {
  readonly url: StsUrl
  readonly gitHubUrl: string
  readonly protocols: readonly Protocol[]
  readonly checks: readonly Check[]
  /** Of each call. */
  readonly timeoutMs: number
  /** undefined: once. */
  readonly everyMs: number | undefined
  readonly metricsPort: number | undefined
  readonly json: boolean
}

/** Reads the command line. Throws an Error that says what is wrong with it. */
export function readProbeOptions(args: string[]): ProbeOptions {
  const { values } = parseArgs({ args, options: OPTIONS })
  const url = one('--url', readStsUrl(required('--url', values.url), values['allow-http']))
  const scope = required('--scope', values.scope)
  const identity = required('--identity', values.identity)
  const refusedScope = values['refused-scope'] ?? scope
  const refusedIdentity = values['refused-identity'] ?? (values['refused-scope'] === undefined ? NOBODY : identity)
  for (const each of [scope, refusedScope]) parseScope(each)
  for (const each of [identity, refusedIdentity]) parseIdentity(each)

  const protocol = one('--protocol', readOneOf(['grpc', 'http', 'both'])(values.protocol))
  const protocols: readonly Protocol[] = protocol === 'both' ? ['grpc', 'http'] : [protocol]
  const source = tokenSource(values, url.host)
  const expected = expectedRefusal(values)
  const everyMs = optional('--every', values.every, readDuration)
  if (everyMs !== undefined && everyMs < SHORTEST_MS) throw new Error('--every must be at least 1s')
  const metricsPort = optional('--metrics-port', values['metrics-port'], readInteger(0, 65_535))
  if (metricsPort !== undefined && everyMs === undefined) throw new Error('--metrics-port is of use only with --every')
  const timeoutMs = one('--timeout', readDuration(values.timeout))
  if (timeoutMs < TIMEOUT_LEAST_MS) throw new Error('--timeout must be at least 100ms')
  return {
    url,
    gitHubUrl: one('--github-url', readApiUrl(values['github-url'])),
    protocols,
    checks: protocols.flatMap((each): readonly Check[] => {
      const trial = { protocol: each, source, cap: [] }
      return [
        { name: 'exchange', trial: { ...trial, scope, identity }, expected },
        { name: 'refusal', trial: { ...trial, scope: refusedScope, identity: refusedIdentity }, expected },
      ]
    }),
    timeoutMs,
    everyMs,
    metricsPort,
    json: values.json,
  }
}

function tokenSource(values: TokenValues, host: string): TokenSource {
  const { audience = host } = values
  const name = values['token-env']
  const path = values['token-file']
  const sources: readonly (TokenSource | undefined)[] = [
    path === undefined ? undefined : { kind: 'file', path: required('--token-file', path) },
    name === undefined ? undefined : { kind: 'env', name },
    values['github-actions'] ? { kind: 'github_actions', audience } : undefined,
    values.google ? { kind: 'google', audience } : undefined,
  ]
  const [source, ...others] = sources.filter((each) => each !== undefined)
  if (source === undefined || others.length > 0)
    throw new Error('say where the OIDC token comes from: one of --token-file, --token-env, --github-actions, --google')
  if (source.kind === 'env' && !isVariableName(source.name))
    throw new Error('--token-env must be the name of an environment variable, not the token itself')
  if (values.audience !== undefined && (source.kind === 'file' || source.kind === 'env'))
    throw new Error('--audience is of use only with --github-actions and --google: another token has its own')
  return source
}

interface TokenValues {
  readonly 'token-file'?: string
  readonly 'token-env'?: string
  readonly 'github-actions': boolean
  readonly google: boolean
  readonly audience?: string
}

function expectedRefusal(values: {
  readonly 'refused-reason'?: string
  readonly 'refused-code'?: string
}): ExpectedRefusal {
  const reason = values['refused-reason']
  const name = values['refused-code']
  return {
    ...(reason === undefined ? {} : { reason: one('--refused-reason', readReason(reason)) }),
    ...(name === undefined ? {} : { code: one('--refused-code', readCode(name)) }),
  }
}

function required(name: string, value: string | undefined): string {
  if (value === undefined) throw new Error(`${name} must be given`)
  // An empty shell variable.
  if (value === '') throw new Error(`${name} is empty`)
  return value
}

function optional<T>(name: string, value: string | undefined, read: (text: string) => Reading<T>): T | undefined {
  return value === undefined ? undefined : one(name, read(value))
}

function one<T>(name: string, reading: Reading<T>): T {
  if ('problem' in reading) throw new Error(`${name} ${[reading.problem].flat().join('; ')}`)
  return reading.value
}

const OPTIONS = {
  url: { type: 'string' },
  'allow-http': { type: 'boolean', default: false },
  protocol: { type: 'string', default: 'both' },
  scope: { type: 'string' },
  identity: { type: 'string' },
  'refused-scope': { type: 'string' },
  'refused-identity': { type: 'string' },
  'refused-reason': { type: 'string' },
  'refused-code': { type: 'string' },
  'token-file': { type: 'string' },
  'token-env': { type: 'string' },
  'github-actions': { type: 'boolean', default: false },
  google: { type: 'boolean', default: false },
  audience: { type: 'string' },
  'github-url': { type: 'string', default: 'https://api.github.com' },
  timeout: { type: 'string', default: '10s' },
  every: { type: 'string' },
  'metrics-port': { type: 'string' },
  json: { type: 'boolean', default: false },
} as const satisfies ParseArgsConfig['options']

/** An identity that nobody makes a policy for. */
const NOBODY = 'octo-sts-probe-must-be-refused'
const SHORTEST_MS = 1_000
const TIMEOUT_LEAST_MS = 100
