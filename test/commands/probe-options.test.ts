import { expect, test } from '@jest/globals'
import { readProbeOptions } from '../../src/commands/probe-options.ts'

const LEAST = ['--url', 'https://sts.example.com', '--scope', 'acme/app', '--identity', 'ci']
const TOKEN = ['--token-file', '/token']

test('the least that is needed: both protocols, and an identity that is not there', () => {
  const source = { kind: 'file', path: '/token' }
  const trial = { scope: 'acme/app', source, cap: [] }
  const nobody = 'octo-sts-probe-must-be-refused'
  expect(readProbeOptions([...LEAST, ...TOKEN])).toEqual({
    url: {
      origin: 'https://sts.example.com',
      address: 'sts.example.com:443',
      secure: true,
      host: 'sts.example.com',
    },
    gitHubUrl: 'https://api.github.com',
    protocols: ['grpc', 'http'],
    checks: [
      { name: 'exchange', trial: { ...trial, protocol: 'grpc', identity: 'ci' }, expected: {} },
      { name: 'refusal', trial: { ...trial, protocol: 'grpc', identity: nobody }, expected: {} },
      { name: 'exchange', trial: { ...trial, protocol: 'http', identity: 'ci' }, expected: {} },
      { name: 'refusal', trial: { ...trial, protocol: 'http', identity: nobody }, expected: {} },
    ],
    timeoutMs: 10_000,
    everyMs: undefined,
    metricsPort: undefined,
    json: false,
  })
})

test.each([
  [['--refused-identity', 'x'], { scope: 'acme/app', identity: 'x' }],
  [['--refused-scope', 'other/app'], { scope: 'other/app', identity: 'ci' }],
  [['--refused-scope', 'other', '--refused-identity', 'x'], { scope: 'other', identity: 'x' }],
])('what must be refused: %j', (args, refused) => {
  const { checks } = readProbeOptions([...LEAST, ...TOKEN, '--protocol', 'http', ...args])
  expect(checks[1]).toMatchObject({ name: 'refusal', trial: refused })
})

test('why it must be refused', () => {
  const args = ['--refused-reason', 'APP_NOT_INSTALLED', '--refused-code', 'NOT_FOUND']
  const { checks } = readProbeOptions([...LEAST, ...TOKEN, ...args])
  expect(checks[1]?.expected).toEqual({ reason: 'APP_NOT_INSTALLED', code: 5 })
})

test.each([
  [['--token-env', 'MY_TOKEN'], { kind: 'env', name: 'MY_TOKEN' }],
  [['--github-actions'], { kind: 'github_actions', audience: 'sts.example.com' }],
  [['--google', '--audience', 'octo'], { kind: 'google', audience: 'octo' }],
])('where the token comes from: %j', (args, source) => {
  expect(readProbeOptions([...LEAST, ...args]).checks[0]?.trial.source).toEqual(source)
})

test.each([
  [[], '--url must be given'],
  [['--url', ''], '--url is empty'],
  [['--url', 'sts.example.com'], '--url must be the address of the service without a path'],
  [['--url', 'https://sts.example.com/sts/exchange'], '--url must be the address of the service without a path'],
  [['--url', 'https://user@sts.example.com'], '--url must be the address of the service without a path'],
  [['--url', 'http://sts.example.com'], '--url must use https: over http anybody on the way can read the tokens'],
  [LEAST.slice(0, 2), '--scope must be given'],
  [LEAST.slice(0, 4), '--identity must be given'],
  [[...LEAST, ...TOKEN, '--scope', 'a/b/c'], 'scope "a/b/c" is neither "owner/repository" nor "owner"'],
  [[...LEAST, ...TOKEN, '--refused-scope', '../x'], 'scope "../x" is neither'],
  [[...LEAST, ...TOKEN, '--identity', './ci'], 'identity "./ci" is not the name of a policy'],
  [[...LEAST, ...TOKEN, '--refused-identity', 'a/b'], 'identity "a/b" is not the name of a policy'],
  [LEAST, 'say where the OIDC token comes from: one of --token-file, --token-env, --github-actions, --google'],
  [[...LEAST, ...TOKEN, '--google'], 'say where the OIDC token comes from: one of'],
  [[...LEAST, '--token-file', ''], '--token-file is empty'],
  [[...LEAST, '--token-env', 'ey.J'], '--token-env must be the name of an environment variable, not the token itself'],
  [[...LEAST, ...TOKEN, '--audience', 'x'], '--audience is of use only with --github-actions and --google'],
  [[...LEAST, ...TOKEN, '--protocol', 'oauth'], '--protocol must be one of grpc, http, both, not "oauth"'],
  [[...LEAST, ...TOKEN, '--refused-reason', 'SUBJECT_MISMACH'], 'did you mean SUBJECT_MISMATCH?'],
  [[...LEAST, ...TOKEN, '--refused-code', 'NOTFOUND'], 'did you mean NOT_FOUND?'],
  [[...LEAST, ...TOKEN, '--refused-code', 'OK'], '--refused-code must be the name of a gRPC status code'],
  [[...LEAST, ...TOKEN, '--github-url', 'http://github.example'], '--github-url must use https'],
  [[...LEAST, ...TOKEN, '--timeout', '0'], '--timeout must be at least 100ms'],
  [[...LEAST, ...TOKEN, '--timeout', 'soon'], '--timeout must be a duration such as 90s, 5m or 1h30m, not "soon"'],
  [[...LEAST, ...TOKEN, '--every', '100ms'], '--every must be at least 1s'],
  [[...LEAST, ...TOKEN, '--metrics-port', '9090'], '--metrics-port is of use only with --every'],
  [
    [...LEAST, ...TOKEN, '--every', '1m', '--metrics-port', '99999'],
    '--metrics-port must be a whole number from 0 to 65535',
  ],
  [[...LEAST, ...TOKEN, '--verbose'], "Unknown option '--verbose'"],
  [[...LEAST, ...TOKEN, 'more'], "Unexpected argument 'more'"],
])('%j is refused', (args, message) => {
  expect(() => readProbeOptions(args)).toThrow(message)
})

test('http is allowed at loopback, and where the operator says so', () => {
  const rest = [...LEAST.slice(2), ...TOKEN]
  expect(readProbeOptions(['--url', 'http://[::1]:8080', ...rest]).url).toEqual({
    origin: 'http://[::1]:8080',
    address: '[::1]:8080',
    secure: false,
    host: '[::1]:8080',
  })
  expect(readProbeOptions(['--url', 'http://sts.internal', '--allow-http', ...rest]).url.address).toBe(
    'sts.internal:80',
  )
})
