import type { ExchangeRecord } from '../../src/exchange/record.ts'
import type { Matcher } from '../../src/policy/trust-policy.ts'
import type { Denial } from '../../src/terms/denial.ts'
import { type Permissions, permissionsOf } from '../../src/terms/permissions.ts'

export const TOKEN = 'ghs_secret-token-of-this-test'

const CONTENTS_READ = permissionsOf([['contents', 'read']]) as Permissions
const exact = (source: string): Matcher => ({ kind: 'exact', source, size: 0, matches: (value) => value === source })
const pattern = (source: string): Matcher => ({ kind: 'pattern', source, size: 1, matches: () => true })

/** The record of an exchange that issued a token. */
export function issuedRecord(change: Partial<ExchangeRecord> = {}): ExchangeRecord {
  return {
    kind: 'exchange',
    requestId: 'request-1',
    protocol: 'grpc',
    userAgent: 'grpc-go/1.70',
    startedAt: new Date('2026-11-23T10:00:00Z'),
    durationMs: 12.345678,
    steps: new Map([
      ['verify', 1.5],
      ['mint', 10.0004],
    ]),
    scope: 'acme/app',
    identity: 'deploy',
    claims: {
      iss: 'https://issuer.example',
      sub: 'workload',
      aud: ['sts.example'],
      exp: 1_800_000_000,
      jti: 'token-1',
      payload: { iss: 'https://issuer.example', sub: 'workload', environment: 'prod', email: 'private@example' },
    },
    installation: {
      id: 7,
      account: { id: 1001, login: 'acme', type: 'Organization' },
      app: { id: 42, slug: 'octo-sts' },
    },
    policy: { path: '.github/chainguard/deploy.sts.yaml', repository: 'app', sha: 'abc123', stale: false },
    trustPolicy: {
      kind: 'repository',
      alternatives: [
        {
          issuer: exact('https://issuer.example'),
          subject: pattern('work.*'),
          audience: undefined,
          claims: [{ word: 'claim_pattern', name: 'environment', path: ['environment'], value: pattern('prod') }],
        },
      ],
      permissions: CONTENTS_READ,
      repositories: undefined,
      repositoryPatterns: undefined,
      notBefore: undefined,
      expires: undefined,
      refresh: undefined,
      singleUse: false,
      app: undefined,
      selfWrite: [],
      warnings: [],
    },
    issuerAllowlist: undefined,
    selfWrite: undefined,
    affinity: undefined,
    evaluation: {
      allowed: true,
      alternatives: [
        {
          allowed: true,
          rules: [
            { rule: 'subject', claim: 'sub', failure: undefined, expected: 'work.*', actual: 'workload' },
            { rule: 'claim', claim: 'environment', failure: undefined, expected: 'prod', actual: 'prod' },
          ],
        },
      ],
    },
    grant: { repositories: ['app'], permissions: CONTENTS_READ },
    issued: { sha256Hex: 'aabb', sha256Base64: 'qrs=', expiresAt: new Date('2026-11-23T11:00:00Z') },
    refresh: undefined,
    denial: undefined,
    ...change,
  }
}

/** The record of an exchange that was refused before its token was verified. */
export function refusedRecord(denial: Denial, change: Partial<ExchangeRecord> = {}): ExchangeRecord {
  return issuedRecord({
    claims: undefined,
    installation: undefined,
    policy: undefined,
    trustPolicy: undefined,
    evaluation: undefined,
    issuerAllowlist: undefined,
    selfWrite: undefined,
    affinity: undefined,
    grant: undefined,
    issued: undefined,
    steps: new Map(),
    denial,
    ...change,
  })
}
