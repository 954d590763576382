import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { createSandboxGitHub, type SandboxGitHub } from '../../src/sandbox/github.ts'
import type { Observation } from '../../src/sandbox/github-server.ts'
import { createGitHubClient, type GitHubClient, member } from '../support/github-client.ts'
import { type Conformance, loadConformance, watchConformance } from '../support/openapi.ts'
import { talk } from './openapi-talk.ts'

const ACCESS_TOKENS = 'POST /app/installations/{installation_id}/access_tokens 201'
const PULL = 'GET /repos/{owner}/{repo}/pulls/{pull_number} 200'
const UPDATE_CHECK = 'PATCH /repos/{owner}/{repo}/check-runs/{check_run_id} 200'

/** One member of each route's request or answer, made wrong: what the check must say then. */
const SABOTAGE: readonly (readonly [member: string, conversation: string, wrong: unknown, fault: string])[] = [
  ['answer/owner/id', 'GET /app 200', 'one', 'answer: /owner'],
  ['answer/message', 'GET /app 401', 7, 'answer: /message must be string'],
  ['answer/0/account/login', 'GET /app/installations 200', undefined, "must have required property 'login'"],
  ['answer/suspended_at', 'GET /orgs/{org}/installation 200', 'yesterday', 'answer: /suspended_at'],
  ['answer/app_slug', 'GET /users/{username}/installation 200', undefined, "must have required property 'app_slug'"],
  [
    'answer/access_tokens_url',
    'GET /repos/{owner}/{repo}/installation 200',
    'nowhere',
    '/access_tokens_url must match format',
  ],
  ['request/permissions/content', ACCESS_TOKENS, 'read', 'request: /permissions must NOT have additional properties'],
  ['request/permissions/contents', ACCESS_TOKENS, 'own', 'request: /permissions/contents must be equal to one of'],
  ['request/repositories', ACCESS_TOKENS, 'app', 'request: /repositories must be array'],
  ['answer/expires_at', ACCESS_TOKENS, undefined, "must have required property 'expires_at'"],
  ['answer/repositories/0/owner', ACCESS_TOKENS, 'acme', 'answer: /repositories/0/owner must be object'],
  ['answer/scope', ACCESS_TOKENS, 'all', 'answer: (body) must NOT have additional properties'],
  ['request/token', 'DELETE /installation/token 204', 'x', 'request: this operation takes no body'],
  ['answer/message', 'DELETE /installation/token 204', 'x', 'answer: this status has no body'],
  ['answer/sha', 'GET /repos/{owner}/{repo}/contents/{path} 200', undefined, "must have required property 'sha'"],
  ['answer/sha', 'GET /repos/{owner}/{repo}/commits/{ref} 200', undefined, "must have required property 'sha'"],
  ['answer/files/0/status', 'GET /repos/{owner}/{repo}/commits/{ref} 200', 'new', 'answer: /files/0/status'],
  ['answer/status', 'GET /repos/{owner}/{repo}/compare/{basehead} 200', 'before', 'answer: /status'],
  ['answer/truncated', 'GET /repos/{owner}/{repo}/git/trees/{tree_sha} 200', 'no', '/truncated must be boolean'],
  ['answer/size', 'GET /repos/{owner}/{repo}/git/blobs/{file_sha} 200', 'big', 'answer: /size must be'],
  ['answer/object/sha', 'GET /repos/{owner}/{repo}/git/ref/{ref} 200', undefined, "must have required property 'sha'"],
  ['answer/commit', 'GET /repos/{owner}/{repo}/branches/{branch} 200', 'x', 'answer: /commit must be object'],
  ['answer/head/repo', PULL, undefined, "must have required property 'repo'"],
  ['answer/merged', PULL, undefined, "must have required property 'merged'"],
  ['answer/0/filename', 'GET /repos/{owner}/{repo}/pulls/{pull_number}/files 200', 1, '/0/filename must be string'],
  ['answer/check_suite/id', 'POST /repos/{owner}/{repo}/check-runs 201', 'x', 'answer: /check_suite/id'],
  [
    'request/head_sha',
    'POST /repos/{owner}/{repo}/check-runs 201',
    undefined,
    "must have required property 'head_sha'",
  ],
  ['request/head_branch', 'POST /repos/{owner}/{repo}/check-runs 201', 'x', 'must NOT have additional properties'],
  ['answer/errors/0', 'POST /repos/{owner}/{repo}/check-runs 422', 'wrong', 'answer: /errors/0 must be object'],
  ['request/output/annotations/0/line', UPDATE_CHECK, 1, '/output/annotations/0 must NOT have additional properties'],
  ['request/output/summary', UPDATE_CHECK, 'x'.repeat(65_536), '/output/summary must NOT have more than 65535'],
  ['answer/conclusion', UPDATE_CHECK, 'fine', 'answer: /conclusion must be equal to one of'],
  ['answer/private', 'GET /repos/{owner}/{repo} 200', 'yes', 'answer: /private must be boolean'],
  ['answer/total_count', 'GET /installation/repositories 200', '2', 'answer: /total_count must be integer'],
  ['answer/resources/core', 'GET /rate_limit 200', undefined, "must have required property 'core'"],
]

/** Undefined where GitHub's description can't be had; the support says so, and fails in CI. */
const conformance = loadConformance()
const describeWhereHad = conformance === undefined ? describe.skip : describe

describeWhereHad("the sandbox speaks GitHub's published API", () => {
  const { check } = conformance ?? ({} as Conformance)
  let github: SandboxGitHub
  let client: GitHubClient
  const observed: Observation[] = []

  beforeAll(async () => {
    github = await createSandboxGitHub()
    client = createGitHubClient(github)
    github.observe((observation) => observed.push(observation))
    await talk(github, client)
  })
  afterAll(() => github.close())

  test('in every answer, and takes every request, of every route and status', () => {
    const violations = observed.flatMap((one) =>
      check(one).map((fault) => `${one.method} ${one.path} ${one.status}: ${fault}`),
    )
    expect(violations).toEqual([])
    expect([...new Set(observed.map(({ method, route, status }) => `${method} ${route} ${status}`))].sort()).toEqual(
      SPOKEN,
    )
  })

  test.each(SABOTAGE)('and a wrong %s of %s turns the check red', (field, conversation, wrong, fault) => {
    const honest = observed.find((one) => `${one.method} ${one.route} ${one.status}` === conversation)
    if (honest === undefined) throw new Error(`the sandbox was not heard to say ${conversation}`)
    const [part, ...path] = field.split('/')
    const body = part === 'request' ? 'requestBody' : 'responseBody'
    const faults = check({ ...honest, [body]: withMember(honest[body], path, wrong) })
    expect(faults.join('\n')).toContain(fault)
  })

  test('and a request with an unknown query parameter, or to no operation of GitHub, is found out', () => {
    const [honest] = observed
    if (honest === undefined) throw new Error('nothing was observed')
    expect(check({ ...honest, query: 'foo=1' })).toEqual(['request: there is no query parameter "foo"'])
    expect(check({ ...honest, route: undefined })).toEqual(["request: GET  is no operation of GitHub's"])
    expect(check({ ...honest, requestBody: Symbol('no JSON') })).toEqual(['request: the body is no JSON'])
    expect(check({ ...honest, status: 418 })).toEqual(['answer: the status 418 is not described'])
  })

  test('where a fault has spoiled an answer only the request is checked', async () => {
    const watch = watchConformance(github, { check })
    const fault = github.fault({ times: 1 }, { kind: 'answer', status: 200, body: [] })
    await client.send('POST', '/app/installations/1/access_tokens', {
      bearer: client.appJwt(),
      body: { repository: 'x' },
    })
    fault.clear()
    expect(watch.stop()).toEqual([
      'POST /app/installations/{installation_id}/access_tokens 200: request: (body) must NOT have additional properties {"additionalProperty":"repository"}',
    ])
  })
})

const SPOKEN = [
  'DELETE /installation/token 204',
  'DELETE /installation/token 401',
  'GET /app 200',
  'GET /app 401',
  'GET /app/installations 200',
  'GET /installation/repositories 200',
  'GET /orgs/{org}/installation 200',
  'GET /orgs/{org}/installation 404',
  'GET /rate_limit 200',
  'GET /repos/{owner}/{repo} 200',
  'GET /repos/{owner}/{repo} 301',
  'GET /repos/{owner}/{repo} 404',
  'GET /repos/{owner}/{repo}/branches/{branch} 200',
  'GET /repos/{owner}/{repo}/branches/{branch} 404',
  'GET /repos/{owner}/{repo}/check-runs/{check_run_id} 200',
  'GET /repos/{owner}/{repo}/check-runs/{check_run_id} 404',
  'GET /repos/{owner}/{repo}/check-runs/{check_run_id}/annotations 200',
  'GET /repos/{owner}/{repo}/check-runs/{check_run_id}/annotations 404',
  'GET /repos/{owner}/{repo}/commits/{ref} 200',
  'GET /repos/{owner}/{repo}/commits/{ref} 409',
  'GET /repos/{owner}/{repo}/commits/{ref} 422',
  'GET /repos/{owner}/{repo}/commits/{ref}/check-runs 200',
  'GET /repos/{owner}/{repo}/commits/{ref}/check-runs 422',
  'GET /repos/{owner}/{repo}/compare/{basehead} 200',
  'GET /repos/{owner}/{repo}/compare/{basehead} 404',
  'GET /repos/{owner}/{repo}/contents/{path} 200',
  'GET /repos/{owner}/{repo}/contents/{path} 301',
  'GET /repos/{owner}/{repo}/contents/{path} 304',
  'GET /repos/{owner}/{repo}/contents/{path} 401',
  'GET /repos/{owner}/{repo}/contents/{path} 403',
  'GET /repos/{owner}/{repo}/contents/{path} 404',
  'GET /repos/{owner}/{repo}/git/blobs/{file_sha} 200',
  'GET /repos/{owner}/{repo}/git/blobs/{file_sha} 404',
  'GET /repos/{owner}/{repo}/git/ref/{ref} 200',
  'GET /repos/{owner}/{repo}/git/ref/{ref} 404',
  'GET /repos/{owner}/{repo}/git/trees/{tree_sha} 200',
  'GET /repos/{owner}/{repo}/git/trees/{tree_sha} 404',
  'GET /repos/{owner}/{repo}/git/trees/{tree_sha} 409',
  'GET /repos/{owner}/{repo}/installation 200',
  'GET /repos/{owner}/{repo}/installation 301',
  'GET /repos/{owner}/{repo}/installation 404',
  'GET /repos/{owner}/{repo}/pulls/{pull_number} 200',
  'GET /repos/{owner}/{repo}/pulls/{pull_number} 403',
  'GET /repos/{owner}/{repo}/pulls/{pull_number} 404',
  'GET /repos/{owner}/{repo}/pulls/{pull_number}/files 200',
  'GET /repos/{owner}/{repo}/pulls/{pull_number}/files 404',
  'GET /users/{username}/installation 200',
  'GET /users/{username}/installation 404',
  'PATCH /repos/{owner}/{repo}/check-runs/{check_run_id} 200',
  'PATCH /repos/{owner}/{repo}/check-runs/{check_run_id} 404',
  'PATCH /repos/{owner}/{repo}/check-runs/{check_run_id} 422',
  'POST /app/installations/{installation_id}/access_tokens 201',
  'POST /app/installations/{installation_id}/access_tokens 401',
  'POST /app/installations/{installation_id}/access_tokens 403',
  'POST /app/installations/{installation_id}/access_tokens 404',
  'POST /app/installations/{installation_id}/access_tokens 422',
  'POST /repos/{owner}/{repo}/check-runs 201',
  'POST /repos/{owner}/{repo}/check-runs 403',
  'POST /repos/{owner}/{repo}/check-runs 404',
  'POST /repos/{owner}/{repo}/check-runs 422',
]

/** The body with one member replaced, or removed when `value` is undefined. */
function withMember(body: unknown, [name = '', ...below]: readonly string[], value: unknown): unknown {
  const inner = below.length === 0 ? value : withMember(member(body, name), below, value)
  if (Array.isArray(body)) return body.map((item, index) => (String(index) === name ? inner : item))
  const { [name]: _, ...rest } = { ...(body as Readonly<Record<string, unknown>> | undefined) }
  return inner === undefined ? rest : { ...rest, [name]: inner }
}
