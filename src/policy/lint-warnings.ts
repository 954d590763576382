import { isGitHubActionsIssuer } from '../terms/github-issuer.ts'
import { nameKey } from '../terms/scope.ts'
import { quote } from '../terms/text.ts'
import { pointerTo } from './document.ts'
import type { AlternativeSection } from './lint-section.ts'
import { matchesAnything, unescapedDot } from './pattern-habits.ts'
import { slashFault } from './pattern-slashes.ts'
import { pinsAnId } from './subject.ts'
import type { Finding, Matcher } from './trust-policy.ts'

/** What works in one alternative of a policy, and most likely accepts more, or less, than its author means. */
export function sectionWarnings(
  section: AlternativeSection,
  { owner }: { readonly owner?: string | undefined },
): readonly Finding[] {
  return [
    ...issuerWarnings(section),
    ...subjectWarnings(section),
    ...nameOnlyWarnings(section, owner),
    ...patternsOf(section).flatMap(dotWarnings),
  ]
}

function issuerWarnings({ alternative: { issuer }, pointer: section }: AlternativeSection): readonly Finding[] {
  const pointer = pointerOf(section, 'issuer', issuer)
  if (issuer.kind === 'exact') {
    return issuer.source.endsWith('/')
      ? [{ pointer, message: `issuer ends with "/": right only if the tokens' iss ends with it too` }]
      : []
  }
  if (matchesAnything(issuer.source)) {
    return [
      {
        pointer,
        message: 'issuer_pattern matches every issuer: anybody can run one and sign what the policy asks for',
      },
    ]
  }
  if (unescapedDot(issuer.source) !== undefined) return [] // said by dotWarnings
  const fault = slashFault(issuer.source)
  return fault === undefined
    ? []
    : [{ pointer, message: `issuer_pattern ${fault} (an issuer of somebody else's could match it)` }]
}

/** A subject that may be anything is fine where claims say who it is. */
function subjectWarnings({ alternative: { subject, claims }, pointer }: AlternativeSection): readonly Finding[] {
  if (subject?.kind !== 'pattern' || !matchesAnything(subject.source)) return []
  if (claims.some(({ word }) => word !== 'forbidden_claims')) return []
  const message = 'subject_pattern matches every subject: whoever has a token of this issuer satisfies the policy'
  return [{ pointer: `${pointer}/subject_pattern`, message }]
}

function nameOnlyWarnings({ alternative, pointer }: AlternativeSection, owner: string | undefined): readonly Finding[] {
  const { subject, issuer } = alternative
  if (subject === undefined || !acceptsGitHub(issuer) || pinsAnId(alternative)) return []
  const named = NAMED_OWNER.exec(subject.source)?.[1]
  if (named === undefined || (owner !== undefined && nameKey(named) === nameKey(owner))) return []
  const message =
    `the subject names ${quote(named)} on GitHub by name only, and a name can become somebody else's: ` +
    'pin the account too, with repository_owner_id under github_actions'
  return [{ pointer: pointerOf(pointer, 'subject', subject), message }]
}

function acceptsGitHub(issuer: Matcher): boolean {
  return issuer.kind === 'exact' ? isGitHubActionsIssuer(issuer.source) : issuer.matches(GITHUB_ACTIONS)
}

interface PlacedPattern {
  readonly pattern: string
  readonly field: string
  readonly pointer: string
}

function patternsOf({ alternative, pointer }: AlternativeSection): readonly PlacedPattern[] {
  const fields = (['issuer', 'subject', 'audience'] as const).flatMap((name) => {
    const matcher = alternative[name]
    if (matcher?.kind !== 'pattern') return []
    return [{ pattern: matcher.source, field: `${name}_pattern`, pointer: pointerOf(pointer, name, matcher) }]
  })
  const claims = alternative.claims.flatMap(({ word, name, value }) => {
    if (value.kind !== 'pattern') return []
    return [{ pattern: value.source, field: `${word} ${quote(name)}`, pointer: pointerTo(`${pointer}/${word}`, name) }]
  })
  return [...fields, ...claims]
}

function dotWarnings({ pattern, field, pointer }: PlacedPattern): readonly Finding[] {
  const where = unescapedDot(pattern)
  if (where === undefined) return []
  return [{ pointer, message: `the dot of ${quote(where)} in ${field} matches any character: write \\. for a dot` }]
}

function pointerOf(section: string, field: string, { kind }: Matcher): string {
  return `${section}/${field}${kind === 'pattern' ? '_pattern' : ''}`
}

const GITHUB_ACTIONS = 'https://token.actions.githubusercontent.com'
/** Of a subject without ids: with them an `@` follows the owner's name. */
const NAMED_OWNER = /^\^?repo:([A-Za-z0-9_-]+)\//
