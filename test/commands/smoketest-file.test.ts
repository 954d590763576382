import { readFileSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import { load, loadAll } from 'js-yaml'
import { readProbeOptions } from '../../src/commands/probe-options.ts'
import { readSmoketestFile } from '../../src/commands/smoketest-file.ts'

/** A list of one exchange, with lines of the exchange changed or added (undefined: taken out). */
function file(change: Readonly<Record<string, string | undefined>> = {}, top: readonly string[] = []): string {
  const fields = {
    name: 'one',
    scope: 'acme/app',
    identity: 'ci',
    token: '{file: token}',
    expect: '{ok: true}',
    ...change,
  }
  const lines = Object.entries(fields).flatMap(([name, value]) => (value === undefined ? [] : [`${name}: ${value}`]))
  const entry = lines.map((line, index) => `  ${index === 0 ? '-' : ' '} ${line}`)
  return ['url: https://sts.example.com', ...top, 'exchanges:', ...entry, ''].join('\n')
}

function problemsOf(text: string): readonly string[] {
  const outcome = readSmoketestFile(text)
  return 'problems' in outcome ? outcome.problems : []
}

test('all that can be said', () => {
  const text = `
url: http://sts.internal:8080
allow_http: true
github_url: https://github.example/api/v3
timeout: 5s
token: {github_actions: true, audience: octo}
exchanges:
  - name: narrowed
    scope: acme
    identity: release-bot
    cap: [contents:read]
    expect:
      ok: true
      permissions: {issues: write, contents: read}
      repositories: [app, acme/docs]
  - {name: refused, scope: acme/app, identity: ci, token: {env: OTHER}, protocol: grpc, expect: {reason: SUBJECT_MISMATCH, code: PERMISSION_DENIED}}
  - {name: google, scope: acme/app, identity: ci, token: {google: true}, expect: {code: NOT_FOUND}}
`
  expect(readSmoketestFile(text)).toEqual({
    plan: {
      url: {
        origin: 'http://sts.internal:8080',
        address: 'sts.internal:8080',
        secure: false,
        host: 'sts.internal:8080',
      },
      gitHubUrl: 'https://github.example/api/v3',
      timeoutMs: 5_000,
      exchanges: [
        {
          name: 'narrowed',
          scope: 'acme',
          identity: 'release-bot',
          cap: ['contents:read'],
          source: { kind: 'github_actions', audience: 'octo' },
          protocol: 'oauth',
          expect: {
            kind: 'token',
            permissions: ['contents:read', 'issues:write'],
            repositories: ['acme/app', 'acme/docs'],
          },
        },
        {
          name: 'refused',
          scope: 'acme/app',
          identity: 'ci',
          cap: [],
          source: { kind: 'env', name: 'OTHER' },
          protocol: 'grpc',
          expect: { kind: 'refusal', reason: 'SUBJECT_MISMATCH', code: 7 },
        },
        {
          name: 'google',
          scope: 'acme/app',
          identity: 'ci',
          cap: [],
          source: { kind: 'google', audience: 'sts.internal:8080' },
          protocol: 'http',
          expect: { kind: 'refusal', code: 5 },
        },
      ],
    },
  })
})

test('the least that is needed', () => {
  expect(readSmoketestFile(file())).toMatchObject({
    plan: { gitHubUrl: 'https://api.github.com', timeoutMs: 10_000, exchanges: [{ expect: { kind: 'token' } }] },
  })
})

describe('a file that is no list of exchanges', () => {
  test.each([
    ['is empty', '', 'line 1: the file is empty'],
    ['is a list', '- a', 'line 1: the file must be a mapping of fields to values'],
    ['is no YAML', 'url: [', /^line \d+: /],
    ['has an alias', 'url: &a x\nexchanges: *a', /^line 1: /],
    ['gives a key twice', 'url: a\nurl: b', 'line 2: "url" is given twice'],
    ['is too long', `# ${'x'.repeat(65_536)}`, 'line 1: the file is longer than 64 KiB'],
    ['lacks the url', file().slice(file().indexOf('\n') + 1), 'line 1: the file must have url'],
    ['lacks exchanges', 'url: https://sts.example.com', 'line 1: the file must have exchanges'],
    [
      'has none',
      'url: https://sts.example.com\nexchanges: []',
      'line 2: exchanges must be a list of 1 to 200 exchanges',
    ],
    ['has an unknown field', file({}, ['timout: 5s']), 'line 2: the file has no "timout"; did you mean timeout?'],
    ['has a url over http', file().replace('https', 'http'), /^line 1: url must use https/],
    [
      'has a url with a path',
      file().replace('.com', '.com/x'),
      /^line 1: url must be the address of the service without/,
    ],
    ['has a github_url over http', file({}, ['github_url: http://x']), /^line 2: github_url must use https/],
    ['has a timeout that is none', file({}, ['timeout: soon']), /^line 2: timeout must be a duration such as/],
    ['has a long timeout', file({}, ['timeout: 1h']), 'line 2: timeout must be from 100ms to 10m'],
    ['has a wrong flag', file({}, ['allow_http: yes']), /^line 2: allow_http must be one of true, false/],
  ])('%s', (_, text, problem) => {
    const [first] = problemsOf(text)
    if (typeof problem === 'string') expect(first).toBe(problem)
    else expect(first).toMatch(problem)
  })

  test('has too many', () => {
    const entry = '  - {name: a, scope: a/b, identity: c, token: {file: t}, expect: {ok: true}}\n'
    const text = `url: https://sts.example.com\nexchanges:\n${entry.repeat(201)}`
    expect(problemsOf(text)).toEqual(['line 2: exchanges must be a list of 1 to 200 exchanges'])
  })
})

// The lines of an exchange: 3 name, 4 scope, 5 identity, 6 token, 7 expect, 8 what was added.
test.each([
  [{ name: undefined }, 'line 3: an exchange must have name'],
  [{ name: '""' }, 'line 3: name must have 1 to 200 printable ASCII characters'],
  [{ name: '[a]' }, 'line 3: name must be a text'],
  [{ scope: undefined }, 'line 3: an exchange must have scope'],
  [{ scope: 'a//b' }, /^line 4: scope is malformed: scope "a\/\/b" is neither/],
  [{ identity: 'a/b' }, /^line 5: identity is malformed: identity "a\/b" is not the name of a policy/],
  [{ token: undefined }, 'line 3: an exchange must have a token, or the whole file one'],
  [{ token: 'ey.J' }, 'line 6: token must be a mapping with file, env, github_actions, google, audience'],
  [{ token: '{}' }, /^line 6: token must have one of file, env, github_actions: true, google: true/],
  [{ token: '{file: a, env: B}' }, /^line 6: token must have one of file, env, github_actions: true, google: true/],
  [{ token: '{env: ey.J}' }, 'line 6: env must be the name of an environment variable, not the token itself'],
  [{ token: '{file: ""}' }, 'line 6: file must be the path of a file with an OIDC token'],
  [{ token: '{google: false}' }, 'line 6: must be true, or left out'],
  [{ token: '{file: a, audience: b}' }, 'line 6: audience is of use only with github_actions and google'],
  [{ expect: undefined }, 'line 3: an exchange must have expect'],
  [{ expect: '{}' }, 'line 7: expect must have ok: true, a reason or a code'],
  [{ expect: '{ok: false}' }, 'line 7: ok can only be true: what must be refused has a reason or a code'],
  [{ expect: '{ok: true, code: NOT_FOUND}' }, 'line 7: ok and a reason or a code exclude each other'],
  [
    { expect: '{reason: SUBJECT_MISSMATCH}' },
    /^line 7: reason must be a reason of .* did you mean SUBJECT_MISMATCH\?$/,
  ],
  [{ expect: '{code: 5}' }, /^line 7: code must be the name of a gRPC status code such as NOT_FOUND, not "5"$/],
  [{ expect: '{code: NOT_FOUND, repositories: [a]}' }, 'line 7: permissions and repositories belong to ok: true'],
  [{ expect: '{ok: true, permissions: {}}' }, /^line 7: permissions must be a mapping of names to levels/],
  [
    { expect: '{ok: true, permissions: {content: read}}' },
    /^line 7: "content" is not a permission .* mean "contents"\?$/,
  ],
  [{ expect: '{ok: true, permissions: {contents: rd}}' }, /^line 7: permission "contents" has the level "rd"/],
  [{ expect: '{ok: true, repositories: []}' }, 'line 7: repositories must be a list of 1 to 500 texts'],
  [{ expect: '{ok: true, repositories: [a/b/c]}' }, /^line 7: repositories is malformed: scope "a\/b\/c"/],
  [{ cap: 'contents:read' }, 'line 8: cap must be a list of 1 to 500 texts'],
  [{ cap: '[contents]' }, 'line 8: cap must be permission:level, such as contents:read, not "contents"'],
  [{ protocol: 'ftp' }, 'line 8: protocol must be one of grpc, http, oauth, not "ftp"'],
  [
    { expect: '{ok: true, permissions: {contents: read}}', protocol: 'grpc' },
    'line 8: permissions can be seen only with protocol oauth: no other answer says them',
  ],
  [{ idenitty: 'x' }, 'line 8: an exchange has no "idenitty"; did you mean identity?'],
])('an exchange with %j', (change, problem) => {
  const [first] = problemsOf(file(change))
  if (typeof problem === 'string') expect(first).toBe(problem)
  else expect(first).toMatch(problem)
})

test('every problem is told at once', () => {
  expect(problemsOf(file({ scope: '""', expect: '{ok: maybe}', cap: '[x]' }, ['timeout: x'])).length).toBe(4)
})

test('the examples can be run as they are', () => {
  const read = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8')
  const page = read('docs/probe.md')
  const shown = [...page.matchAll(/```yaml\n(url:[\s\S]*?)```/g)].map(([, text = '']) => text)
  expect(shown.map(problemsOf)).toEqual([[]])
  expect(problemsOf(read('deploy/examples/smoketest.yaml'))).toEqual([])
  const alerts = [...page.matchAll(/```yaml\n(#[\s\S]*?)```/g)].map(([, text = '']) => load(text))
  expect(alerts).toEqual([[expect.objectContaining({ alert: 'OctoStsProbeFails' }), expect.any(Object)]])

  const [, deployment] = loadAll(read('deploy/examples/probe.yaml')) as readonly Record<string, unknown>[]
  const [command, ...args] = argumentsIn(deployment)
  expect(command).toBe('probe')
  expect(readProbeOptions(args)).toMatchObject({ everyMs: 60_000, metricsPort: 9090 })
})

/** The first list under the name `args`. */
function argumentsIn(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return []
  if ('args' in value && Array.isArray(value.args)) return value.args.map(String)
  return (
    Object.values(value)
      .map(argumentsIn)
      .find((found) => found.length > 0) ?? []
  )
}
