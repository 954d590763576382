import { status } from '@grpc/grpc-js'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { type Flow, PROTOCOLS, startFlow } from '../support/flow.ts'

const MINT = 'POST /app/installations/{installation_id}/access_tokens'
const TOKENS = { method: 'POST', route: '/app/installations/{installation_id}/access_tokens' }
const FILES = { method: 'GET', route: '/repos/{owner}/{repo}/contents/{path}' }

interface Row {
  readonly row: string
  readonly code: number
  readonly reason: string
  readonly message: RegExp
  readonly prepare?: (flow: Flow) => unknown
  readonly question?: (flow: Flow) => Promise<Parameters<Flow['ask']>[0]> | Parameters<Flow['ask']>[0]
}

/** The table of refusals that clients rely on, each row brought about by its real cause. */
const ROWS: readonly Row[] = [
  {
    row: 'no authorization',
    code: status.UNAUTHENTICATED,
    reason: 'AUTHORIZATION_MISSING',
    message: /^expected exactly one authorization header/,
    question: () => ({ token: [] }),
  },
  {
    row: 'no JWT',
    code: status.INVALID_ARGUMENT,
    reason: 'TOKEN_MALFORMED',
    message: /^invalid bearer token/,
    question: () => ({ token: 'ghp_0123456789' }),
  },
  {
    row: 'no issuer',
    code: status.INVALID_ARGUMENT,
    reason: 'TOKEN_MALFORMED',
    message: /^invalid bearer token/,
    question: async ({ issuer }) => ({ token: await issuer.sign({ iss: undefined }) }),
  },
  {
    row: 'an issuer that breaks the rules',
    code: status.INVALID_ARGUMENT,
    reason: 'ISSUER_MALFORMED',
    message: /^invalid issuer format/,
    question: async ({ issuer }) => ({ token: await issuer.sign({ iss: 'https://user@issuer.example' }) }),
  },
  {
    row: 'an issuer whose discovery names another',
    code: status.INVALID_ARGUMENT,
    reason: 'ISSUER_INVALID',
    message: /^unable to fetch or create the provider/,
    prepare: ({ issuer }) =>
      issuer.fault('/.well-known/openid-configuration', {
        kind: 'change',
        members: { issuer: 'https://issuer.example' },
      }),
  },
  {
    row: 'a token that has expired',
    code: status.UNAUTHENTICATED,
    reason: 'TOKEN_EXPIRED',
    message: /^unable to verify bearer token: .*expired/,
    question: async (flow) => ({ token: await flow.workflowToken({}, { exp: 1_700_000_000 }) }),
  },
  {
    row: 'an algorithm that is no signature',
    code: status.UNAUTHENTICATED,
    reason: 'ALGORITHM_NOT_ALLOWED',
    message: /^unable to verify bearer token/,
    question: async ({ issuer }) => ({ token: await issuer.sign(issuer.githubActionsClaims(), { alg: 'none' }) }),
  },
  {
    row: 'no scope',
    code: status.INVALID_ARGUMENT,
    reason: 'SCOPE_MISSING',
    message: /^scope must be provided/,
    question: () => ({ scope: '' }),
  },
  {
    row: 'no identity',
    code: status.INVALID_ARGUMENT,
    reason: 'IDENTITY_MISSING',
    message: /^identity must be provided/,
    question: () => ({ identity: '' }),
  },
  {
    row: 'several scopes',
    code: status.INVALID_ARGUMENT,
    reason: 'SCOPES_MULTIPLE',
    message: /^multiple scopes not supported/,
    question: () => ({ scopes: ['acme/app', 'acme/docs'] }),
  },
  {
    row: 'the App is not installed',
    code: status.NOT_FOUND,
    reason: 'APP_NOT_INSTALLED',
    message: /^no installation found for "stranger"/,
    question: () => ({ scope: 'stranger/app' }),
  },
  {
    row: 'the repository is not selected',
    code: status.NOT_FOUND,
    reason: 'REPOSITORY_NOT_SELECTED',
    message: /^unable to find trust policy for "ci"/,
    prepare: ({ github, installation }) => github.regrant(installation, { repositories: ['docs'] }),
  },
  {
    row: 'the installation is suspended',
    code: status.FAILED_PRECONDITION,
    reason: 'INSTALLATION_SUSPENDED',
    message: /suspended/,
    prepare: ({ github, installation }) => github.suspend(installation),
  },
  {
    row: 'the App may not read contents',
    code: status.FAILED_PRECONDITION,
    reason: 'CONTENTS_NOT_GRANTED',
    message: /contents/,
    prepare: ({ github, installation }) => github.regrant(installation, { permissions: { issues: 'write' } }),
  },
  {
    row: 'no policy file',
    code: status.NOT_FOUND,
    reason: 'POLICY_NOT_FOUND',
    message:
      /^unable to find trust policy for "none": .*\.github\/chainguard\/none\.sts\.yaml in acme\/app on the default branch/,
    question: () => ({ identity: 'none' }),
  },
  {
    row: 'a policy that is a directory',
    code: status.NOT_FOUND,
    reason: 'POLICY_NOT_FOUND',
    message: /^unable to find trust policy for "folder"/,
    prepare: ({ github }) => github.putFile('acme', 'app', '.github/chainguard/folder.sts.yaml/x', 'y'),
    question: () => ({ identity: 'folder' }),
  },
  {
    row: 'a policy that does not parse',
    code: status.NOT_FOUND,
    reason: 'POLICY_UNPARSABLE',
    message: /^unable to parse trust policy found for "ci"/,
    prepare: ({ github }) => github.putFile('acme', 'app', '.github/chainguard/ci.sts.yaml', 'issuer: [\n'),
  },
  {
    row: 'a policy that does not compile',
    code: status.NOT_FOUND,
    reason: 'POLICY_INVALID',
    message: /^unable to compile trust policy found for "ci"/,
    prepare: (flow) => flow.policy('acme/app', 'ci', { permissions: {} }),
  },
  {
    row: 'another issuer than the policy has',
    code: status.PERMISSION_DENIED,
    reason: 'ISSUER_MISMATCH',
    message: /^trust policy: issuer .*did not match/,
    prepare: (flow) => flow.policy('acme/app', 'ci', { issuer: 'https://accounts.google.com' }),
  },
  {
    row: 'another subject',
    code: status.PERMISSION_DENIED,
    reason: 'SUBJECT_MISMATCH',
    message: /^trust policy: .*did not match/,
    prepare: (flow) => flow.policy('acme/app', 'ci', { subject: 'somebody' }),
  },
  {
    row: 'another audience',
    code: status.PERMISSION_DENIED,
    reason: 'AUDIENCE_MISMATCH',
    message: /^trust policy: .*did not match/,
    question: async (flow) => ({ token: await flow.workflowToken({}, { aud: 'elsewhere' }) }),
  },
  {
    row: 'another claim',
    code: status.PERMISSION_DENIED,
    reason: 'CLAIM_MISMATCH',
    message: /^trust policy: .*did not match/,
    prepare: (flow) => flow.policy('acme/app', 'ci', { claim_pattern: { event_name: 'release' } }),
  },
  {
    row: 'organization permissions in a repository policy',
    code: status.PERMISSION_DENIED,
    reason: 'POLICY_ORG_PERMISSIONS',
    message: /members/,
    prepare: (flow) => flow.policy('acme/app', 'ci', { permissions: { members: 'write' } }),
  },
  {
    row: 'a pinned App that is not there',
    code: status.FAILED_PRECONDITION,
    reason: 'POLICY_APP_UNAVAILABLE',
    message: /App/,
    prepare: (flow) => flow.policy('acme/app', 'ci', { app: 'another-app' }),
  },
  {
    row: 'a permission that the installation has not',
    code: status.PERMISSION_DENIED,
    reason: 'MINT_PERMISSION_NOT_GRANTED',
    message: /^token exchange failure \(StatusUnprocessableEntity\)/,
    prepare: (flow) => flow.policy('acme/app', 'ci', { permissions: { packages: 'write' } }),
  },
  {
    row: 'a repository of an organization policy that the installation has not',
    code: status.PERMISSION_DENIED,
    reason: 'MINT_REPOSITORY_NOT_SELECTED',
    message: /^token exchange failure \(StatusUnprocessableEntity\)/,
    prepare: (flow) => flow.policy('acme', 'ci', { repositories: ['app', 'nowhere'] }),
    question: () => ({ scope: 'acme' }),
  },
  {
    row: 'the rate limit of GitHub',
    code: status.RESOURCE_EXHAUSTED,
    reason: 'GITHUB_RATE_LIMITED',
    message: /^GitHub API rate limit exceeded for "acme"/,
    prepare: ({ github }) => github.fault(FILES, { kind: 'primary-rate-limit', resetInSeconds: 60 }),
  },
  {
    row: 'GitHub out of order while the policy is read',
    code: status.UNAVAILABLE,
    reason: 'GITHUB_UNAVAILABLE',
    message: /GitHub/,
    prepare: ({ github }) => github.fault(FILES, { kind: 'answer', status: 500 }),
  },
  {
    row: 'GitHub out of order at the mint',
    code: status.UNAVAILABLE,
    reason: 'GITHUB_UNAVAILABLE',
    message: /GitHub/,
    prepare: ({ github }) => github.fault({ ...TOKENS, after: 1 }, { kind: 'answer', status: 502 }),
  },
  {
    row: 'a mint that GitHub refuses otherwise',
    code: status.INTERNAL,
    reason: 'MINT_REFUSED',
    message: /^failed to get token/,
    prepare: ({ github }) =>
      github.fault({ ...TOKENS, after: 1 }, { kind: 'answer', status: 400, body: { message: 'no' } }),
  },
  {
    row: 'credentials that GitHub refuses',
    code: status.INTERNAL,
    reason: 'APP_CREDENTIALS_REFUSED',
    message: /^failed to get token/,
    prepare: ({ github }) =>
      github.fault({ route: '/orgs/{org}/installation' }, { kind: 'answer', status: 401, body: {} }),
  },
  {
    row: 'a token wider than asked',
    code: status.INTERNAL,
    reason: 'MINT_WIDER_THAN_ASKED',
    message: /.+/,
    prepare: ({ github }) =>
      github.fault(
        { ...TOKENS, after: 1 },
        { kind: 'wider-token', permissions: { contents: 'write', issues: 'write' } },
      ),
  },
  {
    row: 'a cap above the policy',
    code: status.INVALID_ARGUMENT,
    reason: 'CAP_EXCEEDS_POLICY',
    message: /contents/,
    question: () => ({ cap: ['contents:write'] }),
  },
]

let flow: Flow

beforeEach(async () => {
  flow = await startFlow()
  flow.policy('acme/app', 'ci')
})
afterEach(() => flow.close())

describe.each(PROTOCOLS)('refused over %s', (_, over) => {
  test.each(ROWS)('$row: $reason', async ({ code, reason, message, prepare, question }) => {
    await prepare?.(flow)
    const answer = await flow.ask((await question?.(flow)) ?? {}, over)
    expect(answer).toMatchObject({ code, reason, message: expect.stringMatching(message) })
    expect(
      flow.lines.filter((line) => line['reason'] === reason && line['message'] === 'exchange refused'),
    ).toHaveLength(1)
  })
})

test('a wider token is revoked before it is refused', async () => {
  flow.github.fault({ ...TOKENS, after: 1 }, { kind: 'wider-token', permissions: { contents: 'write' } })
  const calls = await flow.calls(async () => {
    await flow.ask({})
    await flow.close()
  })
  expect(calls.slice(-2)).toEqual([MINT, 'DELETE /installation/token'])
  flow = await startFlow()
})
