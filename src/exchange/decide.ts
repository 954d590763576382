import { type Cap, restrict } from '../policy/cap.ts'
import { disclosureFor, type PolicyHome } from '../policy/disclosure.ts'
import { evaluation as evaluationOf } from '../policy/evaluate.ts'
import type { EvaluationContext } from '../policy/evaluation.ts'
import { type Detail, explain } from '../policy/explain.ts'
import { explainFindings } from '../policy/explain-findings.ts'
import { grantOf, type Reach, type RepositorySelection } from '../policy/grant.ts'
import { type Guardrails, guard, type PolicySources, refusePolicySource } from '../policy/guardrails.ts'
import { repositorySelection } from '../policy/select-repositories.ts'
import type { Compilation, TrustPolicy } from '../policy/trust-policy.ts'
import type { Cancellation } from '../terms/cancellation.ts'
import type { Claims } from '../terms/claims.ts'
import { Denial } from '../terms/denial.ts'
import { nameKey, type Scope } from '../terms/scope.ts'
import { chooseMinter, type Minter } from './choose-minter.ts'
import type { ExchangePorts, Grant, PolicyRequest } from './ports.ts'
import type { OpenRecord } from './record.ts'
import { besideTrustedIssuers, type TrustedIssuersRules } from './trusted-issuers.ts'

/** What the operator chose of policies. */
export interface DecisionRules extends Guardrails, TrustedIssuersRules {
  readonly policySources: PolicySources

  /** The audience of a policy that names none. */
  readonly domain: string
  readonly isGitHubIssuer: (issuer: string) => boolean
  /** `full` tells every caller what a policy expected; `auto` only the workflows of the policy's own repository. */
  readonly denialDetail: 'auto' | 'full'
}

/** Who asks, proven, and for what. */
export interface Asking {
  readonly claims: Claims
  readonly scope: Scope
  readonly identity: string
  readonly cap: Cap
  /** What else the policy must say; throws a Denial. Asked once the claims agree, before anything more is spent. */
  readonly accept: (policy: TrustPolicy) => void
  /** What earlier requests of a family of refresh tokens narrowed it to. */
  readonly familyCap?: Cap
}

export interface Decision {
  readonly policy: TrustPolicy
  readonly grant: Grant
  /**
   * Where the policy's patterns select from what the installation reached up to five minutes ago: the grant once more,
   * undefined when nothing has changed since.
   */
  readonly again?: () => Promise<Grant | undefined>
  /** Where it matters, is to be told which App minted. */
  readonly minted?: Minter['minted']
}

export interface DecideNeeds {
  readonly ports: Pick<
    ExchangePorts,
    | 'findInstallation'
    | 'loadTrustedIssuers'
    | 'loadPolicy'
    | 'chooseInstallation'
    | 'isPooled'
    | 'affinities'
    | 'listRepositories'
    | 'takeTurns'
    | 'clock'
  >
  readonly rules: DecisionRules
  readonly record: OpenRecord
  readonly signal: Cancellation
}

/** What a policy grants to proven claims, by the policy as it is now; refuses with a Denial. Nothing is issued yet. */
export async function decide(asking: Asking, needs: DecideNeeds): Promise<Decision> {
  const { ports, rules, record, signal } = needs
  const { claims, scope, identity } = asking
  const { owner, repository, kind } = policySource(scope, rules)
  refusePolicySource(kind, rules.policySources)
  const found = record.time('installation', () => ports.findInstallation(owner, signal))
  const installation = found instanceof Promise ? await found : found
  record.installation = installation

  const wanted = { installation, owner, repository, identity, kind }
  const read = besideTrustedIssuers(wanted, claims.iss, needs)
  const file = read instanceof Promise ? await read : read
  record.installation = file.installation
  record.policy = { path: file.path, repository, sha: file.sha, stale: file.stale }

  const { domain, isGitHubIssuer } = rules
  const nowMs = ports.clock.now()
  const context: EvaluationContext = { domain, isGitHubIssuer, accountId: file.installation.account.id, nowMs }
  const { compilation } = file
  if (!compilation.ok)
    throw invalid(compilation, wanted, { path: file.path, detail: detailOf(claims, wanted, context, rules) })
  const { policy } = compilation
  record.trustPolicy = policy
  const evaluating = record.time('evaluate', () => ports.takeTurns(evaluationOf(policy, claims, context), signal))
  const evaluation = evaluating instanceof Promise ? await evaluating : evaluating
  record.evaluation = evaluation
  if (!evaluation.allowed) {
    const { reason, message, metadata } = explain(evaluation, detailOf(claims, wanted, context, rules))
    throw new Denial(reason, message, { metadata })
  }
  if (policy.selfWrite.length > 0) record.selfWrite = policy.selfWrite
  guard(policy, rules)
  asking.accept(policy)

  const { repositories, permissions } = reachOf(asking, policy, rules)
  const chosen = chooseMinter({ asking, policy, permissions }, file.installation, needs)
  const { mintBy, minted } = chosen instanceof Promise ? await chosen : chosen
  record.installation = mintBy.installation
  if (isSelection(repositories))
    return { policy, minted, ...(await selected(repositories, { mintBy, owner, permissions }, needs)) }
  const { installation: minting, app, isKept } = mintBy
  return { policy, grant: { installation: minting, app, isKept, owner, permissions, repositories }, minted }
}

/** What the operator lets this caller be told of the policy. */
function detailOf(
  claims: Claims,
  home: PolicyHome,
  context: EvaluationContext,
  { denialDetail }: Pick<DecisionRules, 'denialDetail'>,
): Detail {
  return denialDetail === 'full' ? 'full' : disclosureFor(claims, home, context)
}

/** The grant of what a policy's patterns select. */
async function selected(
  selection: RepositorySelection,
  { mintBy, owner, permissions }: Pick<Minter, 'mintBy'> & Pick<Grant, 'owner' | 'permissions'>,
  { ports, record, signal }: DecideNeeds,
): Promise<Pick<Decision, 'grant' | 'again'>> {
  const select = async (): Promise<Grant> => {
    const list = await record.time('repositories', () => ports.listRepositories(mintBy.installation, signal))
    const repositories = await ports.takeTurns(repositorySelection(selection, list), signal)
    return { ...mintBy, owner, permissions, repositories }
  }
  const grant = await select()
  const again = async () => {
    const now = await select()
    return String(now.repositories) === String(grant.repositories) ? undefined : now
  }
  return { grant, again }
}

function reachOf({ scope, cap, familyCap }: Asking, policy: TrustPolicy, { policyRepository }: DecisionRules) {
  const permissions = restrict(policy.permissions, familyCap)
  if (permissions !== undefined) {
    const narrowed = permissions === policy.permissions ? policy : { ...policy, permissions }
    return grantOf({ policy: narrowed, scope, policyRepository, cap })
  }
  throw new Denial(
    'REFRESH_NOT_ALLOWED',
    'the trust policy grants nothing more of what this refresh token was narrowed to',
  )
}

/** Where the policies of a scope stand, and what kind of policy it is there. */
function policySource({ owner, repository }: Scope, { policyRepository }: DecisionRules) {
  const organization = repository === undefined || nameKey(repository) === nameKey(policyRepository)
  return {
    owner,
    repository: repository ?? policyRepository,
    kind: organization ? 'organization' : 'repository',
  } as const
}

function invalid(
  compilation: Extract<Compilation, { readonly ok: false }>,
  { owner, repository, identity }: PolicyRequest,
  { path, detail }: { readonly path: string; readonly detail: Detail },
): Denial {
  const { reason, message, metadata } = explainFindings(compilation, identity, detail)
  const place = `${owner}/${repository}, ${path} on the default branch`
  return new Denial(reason, `${message} (${place})`, { metadata, cause: compilation.findings })
}

/** GitHub is asked what the installation reaches only where a policy's patterns select from it. */
function isSelection(repositories: Reach['repositories']): repositories is RepositorySelection {
  return repositories !== 'all' && 'patterns' in repositories
}
