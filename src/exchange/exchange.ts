import { createHash } from 'node:crypto'
import { parseCap } from '../policy/cap.ts'
import { disclosureFor } from '../policy/disclosure.ts'
import { evaluate } from '../policy/evaluate.ts'
import type { EvaluationContext } from '../policy/evaluation.ts'
import { type Detail, explain } from '../policy/explain.ts'
import { explainFindings } from '../policy/explain-findings.ts'
import { grantOf } from '../policy/grant.ts'
import { type Guardrails, guard } from '../policy/guardrails.ts'
import type { TrustPolicy } from '../policy/trust-policy.ts'
import { asDenial, Denial } from '../terms/denial.ts'
import { parseIdentity } from '../terms/identity.ts'
import { type IssuerRules, parseIssuer } from '../terms/issuer.ts'
import { nameKey, parseScope, type Scope } from '../terms/scope.ts'
import { parseSubjectToken } from '../terms/subject-token.ts'
import { quote } from '../terms/text.ts'
import { checkExpiry } from '../terms/time-claims.ts'
import type { ExchangePorts, Grant, Installation, InstallationToken, PolicyFile, PolicyRequest } from './ports.ts'
import { type OpenRecord, openRecord } from './record.ts'
import { bearerOf, type Caller, type Exchange, type ExchangeRequest, scopeOf } from './request.ts'

/** What the operator chose. */
export interface ExchangeRules extends Guardrails {
  /** The audience of a policy that names none. */
  readonly domain: string
  /** The repository that holds an owner's organization policies. */
  readonly policyRepository: string
  readonly issuerRules: IssuerRules
  readonly isIssuerAllowed: (issuer: string) => boolean
  readonly isOwnerAllowed: (owner: string) => boolean
  readonly isGitHubIssuer: (issuer: string) => boolean
  /** `full` tells every caller what a policy expected; `auto` only the workflows of the policy's own repository. */
  readonly denialDetail: 'auto' | 'full'
}

/**
 * The use case: trades a subject token for an installation token that a trust policy grants. Each step is begun only
 * when all before it have agreed; whatever comes of it is remembered once.
 */
export function createExchange(ports: ExchangePorts, rules: ExchangeRules): Exchange {
  return async (request, caller) => {
    const record = openRecord(
      {
        requestId: caller.requestId,
        protocol: caller.protocol,
        userAgent: caller.userAgent,
        scope: request.scopes[0] ?? request.scope,
        identity: request.identity,
      },
      ports.clock,
    )
    try {
      const token = await run({ request, caller, record }, ports, rules)
      ports.remember(record.close(undefined))
      return { token: token.token, expiresAt: token.expiresAt, abandon: () => ports.revoke(token) }
    } catch (error) {
      const denial = asDenial(error)
      ports.remember(record.close(denial))
      throw denial
    }
  }
}

interface Run {
  readonly request: ExchangeRequest
  readonly caller: Caller
  readonly record: OpenRecord
}

async function run({ request, caller, record }: Run, ports: ExchangePorts, rules: ExchangeRules) {
  const { signal } = caller
  const { subjectToken, scope, identity, cap } = admit(request, rules, ports.clock.now())

  const claims = await record.time('verify', () => ports.verify(subjectToken, signal))
  record.claims = claims

  record.installation = await record.time('installation', () => ports.findInstallation(scope.owner, signal))

  const source = policySource(scope, identity, rules)
  const wanted = { ...source, installation: record.installation }
  const file = await record.time('policy', () => ports.loadPolicy(wanted, signal))
  const { installation } = file
  record.installation = installation
  record.policy = { path: file.path, repository: source.repository, sha: file.sha, stale: file.stale }

  const { domain, isGitHubIssuer } = rules
  const context: EvaluationContext = { domain, isGitHubIssuer, accountId: installation.account.id }
  const detail = rules.denialDetail === 'full' ? 'full' : disclosureFor(claims, source, context)
  const policy = compiledPolicy(file, wanted, detail)
  record.trustPolicy = policy
  const evaluation = await record.time('evaluate', () => evaluate(policy, claims, context))
  record.evaluation = evaluation
  if (!evaluation.allowed) {
    const { reason, message, metadata } = explain(evaluation, detail)
    throw new Denial(reason, message, { metadata })
  }
  guard(policy, rules)
  refuseOtherApp(policy, installation)

  const grant: Grant = {
    installation,
    owner: scope.owner,
    ...grantOf({ policy, scope, policyRepository: rules.policyRepository, cap }),
  }
  record.grant = grant
  const token = await record.time('mint', () => ports.mint(grant, signal))
  record.issued = { ...fingerprint(token), expiresAt: token.expiresAt }
  if (signal.aborted) {
    ports.revoke(token)
    throw signal.reason
  }
  return token
}

/** What can be refused without asking anybody, in the order of the contract: nothing has been spent when it throws. */
function admit(request: ExchangeRequest, rules: ExchangeRules, now: number) {
  const scopeText = scopeOf(request)
  const subjectToken = parseSubjectToken(bearerOf(request.authorization))
  const issuer = parseIssuer(subjectToken.payload.iss, rules.issuerRules)
  const scope = parseScope(scopeText)
  const identity = parseIdentity(request.identity)
  const cap = parseCap(request.cap)
  checkExpiry(subjectToken.payload, now)
  if (!rules.isOwnerAllowed(scope.owner)) {
    throw new Denial(
      'OWNER_NOT_ALLOWED',
      `owner ${quote(scope.owner)} is not served here: ask the operator of this service`,
    )
  }
  if (!rules.isIssuerAllowed(issuer)) {
    throw new Denial(
      'ISSUER_NOT_ALLOWED',
      `issuer ${quote(issuer)} is not accepted here: ask the operator of this service`,
    )
  }
  return { subjectToken, scope, identity, cap }
}

/** Where the policy of an identity stands, and what kind of policy it is there. */
function policySource({ owner, repository }: Scope, identity: string, { policyRepository }: ExchangeRules) {
  const organization = repository === undefined || nameKey(repository) === nameKey(policyRepository)
  return {
    owner,
    repository: repository ?? policyRepository,
    identity,
    kind: organization ? 'organization' : 'repository',
  } as const
}

function compiledPolicy(
  { compilation, path }: PolicyFile,
  { owner, repository, identity }: PolicyRequest,
  detail: Detail,
) {
  if (compilation.ok) return compilation.policy
  const { reason, message, metadata } = explainFindings(compilation, identity, detail)
  const place = `${owner}/${repository}, ${path} on the default branch`
  throw new Denial(reason, `${message} (${place})`, { metadata, cause: compilation.findings })
}

function refuseOtherApp({ app }: TrustPolicy, { app: minting }: Installation): void {
  if (app === undefined || app.matches(minting.slug) || app.matches(String(minting.id))) return
  throw new Denial('POLICY_APP_UNAVAILABLE', 'the trust policy pins a GitHub App that this service does not have')
}

function fingerprint({ token }: InstallationToken): { sha256Hex: string; sha256Base64: string } {
  const digest = createHash('sha256').update(token).digest()
  return { sha256Hex: digest.toString('hex'), sha256Base64: digest.toString('base64') }
}
