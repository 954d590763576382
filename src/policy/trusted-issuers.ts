import type { Finding, Matcher } from './trust-policy.ts'

/** An organization's list of the issuers it trusts, checked and compiled (contract §6). */
export interface TrustedIssuers {
  /** `audit` lets the others pass and reports them. */
  readonly mode: 'enforce' | 'audit'
  readonly issuers: readonly [Matcher, ...Matcher[]]
}

/** What came of the file's text. */
export type TrustedIssuersCompilation =
  | { readonly ok: true; readonly list: TrustedIssuers }
  | { readonly ok: false; readonly findings: readonly [Finding, ...Finding[]] }

/** True when one of the list's entries is the issuer, or matches all of it. */
export function isTrusted({ issuers }: TrustedIssuers, issuer: string): boolean {
  return issuers.some((matcher) => matcher.matches(issuer))
}
