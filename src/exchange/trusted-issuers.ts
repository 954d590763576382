import { isTrusted } from '../policy/trusted-issuers.ts'
import type { Cancellation } from '../terms/cancellation.ts'
import { Denial } from '../terms/denial.ts'
import { quote } from '../terms/text.ts'
import type { ExchangePorts, PolicyFile, PolicyRequest, TrustedIssuersAnswer } from './ports.ts'
import type { IssuerAllowlist, OpenRecord } from './record.ts'

export interface TrustedIssuersRules {
  /** The repository that holds an owner's organization policies, and the list of issuers that the owner trusts. */
  readonly policyRepository: string
  /** `REQUIRE_TRUSTED_ISSUERS`: an owner without a list trusts nobody. */
  readonly requireTrustedIssuers: boolean
}

export interface TrustedIssuersNeeds {
  readonly ports: Pick<ExchangePorts, 'loadTrustedIssuers' | 'loadPolicy'>
  readonly rules: TrustedIssuersRules
  readonly record: OpenRecord
  readonly signal: Cancellation
}

/**
 * The policy file, for an issuer that its owner trusts. Where the list is known, nothing is begun for another issuer; where
 * it is not, both files are read side by side, and the list has the first word. Refuses `ISSUER_NOT_TRUSTED`,
 * `TRUSTED_ISSUERS_*`, `GITHUB_*`, and what reading the policy refuses.
 */
export async function besideTrustedIssuers(
  wanted: PolicyRequest,
  issuer: string,
  { ports, rules, record, signal }: TrustedIssuersNeeds,
): Promise<PolicyFile> {
  const { installation, owner, repository } = wanted
  const request = { installation, owner, repository: rules.policyRepository, beside: repository }
  // Until it is known: what throws here leaves a record that says so.
  record.issuerAllowlist = { mode: 'unknown', allowed: false, iss: issuer }
  const answer = ports.loadTrustedIssuers(request, signal)
  const judge = (known: TrustedIssuersAnswer) => {
    const verdict = verdictOf(known, issuer, rules)
    record.issuerAllowlist = verdict
    refuseUnlessAllowed(verdict, owner)
  }
  const load = () => record.time('policy', () => ports.loadPolicy(wanted, signal))
  if (!(answer instanceof Promise)) {
    judge(answer)
    return load()
  }
  const file = load()
  if (file instanceof Promise) file.catch(() => {}) // the list's refusal comes first, and then nobody waits for the file
  judge(await record.time('trusted_issuers', () => answer))
  return file
}

function verdictOf(
  answer: TrustedIssuersAnswer,
  iss: string,
  { requireTrustedIssuers }: TrustedIssuersRules,
): IssuerAllowlist {
  if (answer.kind === 'absent') return { mode: 'absent', allowed: !requireTrustedIssuers, iss }
  return { mode: answer.list.mode, allowed: isTrusted(answer.list, iss), iss }
}

function refuseUnlessAllowed({ mode, allowed, iss }: IssuerAllowlist, owner: string): void {
  if (allowed || mode === 'audit') return
  if (mode === 'enforce') {
    throw new Denial('ISSUER_NOT_TRUSTED', `issuer ${quote(iss)} not permitted by organization policy`)
  }
  throw new Denial(
    'TRUSTED_ISSUERS_REQUIRED',
    `issuer ${quote(iss)} not permitted by organization policy: this service asks every owner for a list of trusted issuers, and ${quote(owner)} has none`,
  )
}
