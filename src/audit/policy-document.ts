import type { Alternative, ClaimRule, ClaimWord, Matcher, TrustPolicy } from '../policy/trust-policy.ts'

/**
 * A compiled policy in the fields of its file: for one alternative as the reference's events have it, for several under
 * `rules`. Words that the policy does not use are absent.
 */
export function policyDocument(policy: TrustPolicy): Record<string, unknown> {
  const { alternatives, permissions, repositories, repositoryPatterns, notBefore, expires, refresh, singleUse } = policy
  const [first, ...others] = alternatives
  return {
    ...(others.length === 0 ? alternativeDocument(first) : { rules: alternatives.map(alternativeDocument) }),
    permissions,
    ...(repositories === undefined ? {} : { repositories }),
    ...(repositoryPatterns === undefined
      ? {}
      : { repository_patterns: repositoryPatterns.map(({ source }) => source) }),
    ...(notBefore === undefined ? {} : { not_before: notBefore.source }),
    ...(expires === undefined ? {} : { expires: expires.source }),
    ...(refresh === undefined ? {} : { refresh: { max_age: `${refresh.maxAgeMs / 1000}s` } }),
    ...(singleUse ? { single_use: true } : {}),
    ...field('app', policy.app),
  }
}

function alternativeDocument({ issuer, subject, audience, claims }: Alternative): Record<string, unknown> {
  return {
    ...field('issuer', issuer),
    ...field('subject', subject),
    ...field('audience', audience),
    ...Object.fromEntries(
      WORDS.flatMap((word) => {
        const rules = claims.filter((rule) => rule.word === word)
        return rules.length === 0 ? [] : [[word, Object.fromEntries(rules.map(entry))]]
      }),
    ),
  }
}

function field(name: string, matcher: Matcher | undefined): Record<string, string> {
  return matcher === undefined ? {} : { [matcher.kind === 'exact' ? name : `${name}_pattern`]: matcher.source }
}

function entry({ word, name, value }: ClaimRule): readonly [string, unknown] {
  if (value.kind === 'list') return [name, value.values]
  return [name, value.kind === 'pattern' && word !== 'claim_pattern' ? { pattern: value.source } : value.source]
}

const WORDS = Object.keys({
  claim_pattern: true,
  claims: true,
  github_actions: true,
  forbidden_claims: true,
} satisfies Record<ClaimWord, true>)
