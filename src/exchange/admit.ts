import { type Cap, parseCap } from '../policy/cap.ts'
import { Denial } from '../terms/denial.ts'
import { parseIdentity } from '../terms/identity.ts'
import { type IssuerRules, parseIssuer } from '../terms/issuer.ts'
import { parseScope, type Scope } from '../terms/scope.ts'
import { parseSubjectToken, type SubjectToken } from '../terms/subject-token.ts'
import { quote } from '../terms/text.ts'
import { checkAge, checkExpiry } from '../terms/time-claims.ts'
import { bearerOf, type ExchangeRequest, scopeOf } from './request.ts'

/** Whom the operator serves. */
export interface AdmissionRules {
  readonly issuerRules: IssuerRules
  readonly isIssuerAllowed: (issuer: string) => boolean
  readonly isOwnerAllowed: (owner: string) => boolean
  /** `MAX_TOKEN_AGE`; undefined: as old as its `exp` lets it become. */
  readonly maxTokenAgeMs: number | undefined
}

export interface Admitted {
  readonly subjectToken: SubjectToken
  readonly scope: Scope
  readonly identity: string
  readonly cap: Cap
}

/** What can be refused without asking anybody, in the order of the contract: nothing has been spent when it throws. */
export function admit(request: ExchangeRequest, rules: AdmissionRules, now: number): Admitted {
  const scopeText = scopeOf(request)
  const subjectToken = parseSubjectToken(bearerOf(request.authorization))
  const issuer = parseIssuer(subjectToken.payload.iss, rules.issuerRules)
  const scope = parseScope(scopeText)
  const identity = parseIdentity(request.identity)
  const cap = parseCap(request.cap)
  checkExpiry(subjectToken.payload, now)
  checkAge(subjectToken.payload, { maxAgeMs: rules.maxTokenAgeMs, nowMs: now })
  refuseUnlessServed({ owner: scope.owner, issuer }, rules)
  return { subjectToken, scope, identity, cap }
}

/** Refuses `OWNER_NOT_ALLOWED` and `ISSUER_NOT_ALLOWED`. */
export function refuseUnlessServed(
  { owner, issuer }: { readonly owner: string; readonly issuer: string },
  { isOwnerAllowed, isIssuerAllowed }: AdmissionRules,
): void {
  if (!isOwnerAllowed(owner)) {
    throw new Denial('OWNER_NOT_ALLOWED', `owner ${quote(owner)} is not served here: ask the operator of this service`)
  }
  if (!isIssuerAllowed(issuer)) {
    throw new Denial(
      'ISSUER_NOT_ALLOWED',
      `issuer ${quote(issuer)} is not accepted here: ask the operator of this service`,
    )
  }
}
