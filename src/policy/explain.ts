import type { Reason } from '../terms/denial.ts'
import { escapeUnprintable, quote } from '../terms/text.ts'
import type { AlternativeVerdict, Evaluation, RuleKind, RuleVerdict } from './evaluation.ts'

/**
 * `brief` is for anybody: the kind of the first rule that failed and the caller's own value, never what was expected;
 * `full` is for who may read the policy anyway: every rule with its verdict and what it expected (contract §3).
 */
export type Detail = 'brief' | 'full'

export interface Explanation {
  readonly reason: Reason
  readonly message: string
  /** Facts for `google.rpc.ErrorInfo.metadata`, under the same rule of disclosure. */
  readonly metadata: Readonly<Record<string, string>>
}

/** Why a token does not satisfy a policy. For evaluations that are not allowed; each rule speaks of the alternative that came nearest. */
export function explain(evaluation: Evaluation, detail: Detail): Explanation {
  const alternative = nearestAlternative(evaluation)
  const failed = alternative?.rules.find(({ failure }) => failure !== undefined)
  if (alternative === undefined || failed?.failure === undefined)
    throw new Error('an allowed token needs no explanation')
  const message = `trust policy: ${SENTENCES[failed.rule](failed)}`
  const metadata = { rule: failed.rule, ...(failed.remedy === undefined ? {} : { remedy: failed.remedy }) }
  if (detail === 'brief') return { reason: failed.failure, message, metadata }
  return {
    reason: failed.failure,
    message: `${message}. Every rule: ${verdicts(evaluation)}`,
    metadata: { ...metadata, claim: failed.claim, expected: failed.expected },
  }
}

/**
 * The one whose first failure comes latest; of equals the one with the fewest failures, then the first. So one whose issuer
 * held is told before any other: what another issuer's alternative demands is nobody's business here, and no help.
 */
function nearestAlternative({ alternatives }: Evaluation): AlternativeVerdict | undefined {
  return alternatives.toSorted((a, b) => rank(b) - rank(a) || failures(a) - failures(b))[0]
}

function rank({ rules }: AlternativeVerdict): number {
  const failed = rules.find(({ failure }) => failure !== undefined)
  if (failed === undefined) return 0
  // A subject that differs by its ids only is the nearest of all subjects, and comes with its remedy.
  return KINDS.indexOf(failed.rule) + (failed.failure === 'SUBJECT_HAS_IDS' ? 0.5 : 0)
}

function failures({ rules }: AlternativeVerdict): number {
  return rules.filter(({ failure }) => failure !== undefined).length
}

/** What anybody may be told of a failed rule; the kinds in the order in which they are looked at. */
const SENTENCES: Readonly<Record<RuleKind, (verdict: RuleVerdict) => string>> = {
  issuer: () => 'issuer did not match',
  subject: subjectSentence,
  audience: ({ actual }) => `audience ${quote(actual ?? '')} did not match`,
  claim: claimSentence,
  github_actions: gitHubSentence,
  forbidden_claim: ({ claim, actual = '' }) =>
    `claim ${quote(claim)} with the value ${quote(actual, VALUE_LIMIT)} is forbidden`,
  not_before: () => 'the policy is not valid yet',
  expires: () => 'the policy has expired',
}

const KINDS = Object.keys(SENTENCES) as readonly RuleKind[]

function subjectSentence({ failure, actual = '', remedy = '' }: RuleVerdict): string {
  const sentence = `subject ${quote(actual)} did not match`
  if (failure !== 'SUBJECT_HAS_IDS') return sentence
  return (
    `${sentence}: it has the ids of its owner and repository, and the policy names them without. ` +
    `If this is the repository that is meant, put this line in place of the policy's subject rule: ${escapeUnprintable(remedy)}`
  )
}

/** A claim that is missing is not named: its name is what was expected. One that the caller has is the caller's own. */
function claimSentence({ failure, claim, actual = '' }: RuleVerdict): string {
  if (failure === 'CLAIM_MISSING') return 'claim did not match: the token lacks a claim that the policy asks for'
  if (failure === 'CLAIM_NOT_TEXT') {
    return `claim ${quote(claim)} did not match: it is neither a text nor a boolean but ${quote(actual, VALUE_LIMIT)}`
  }
  return `claim ${quote(claim)} with the value ${quote(actual, VALUE_LIMIT)} did not match`
}

function gitHubSentence(verdict: RuleVerdict): string {
  if (verdict.failure === 'GITHUB_ISSUER_REQUIRED') return "the token is not from an issuer of GitHub's workflows"
  return claimSentence(verdict)
}

function verdicts({ alternatives }: Evaluation): string {
  const lines: string[] = []
  const all = alternatives.flatMap(({ rules }, index) =>
    rules.map((rule) => ({ rule, label: alternatives.length === 1 ? '' : `rules[${index}] ` })),
  )
  let length = 0
  for (const [index, { rule, label }] of all.entries()) {
    const line = `${label}${verdictLine(rule)}`
    if (length + line.length > VERDICTS_LIMIT) return [...lines, `and ${all.length - index} more`].join('; ')
    lines.push(line)
    length += line.length
  }
  return lines.join('; ')
}

function verdictLine({ rule, claim, failure, expected, actual }: RuleVerdict): string {
  const value = quote(expected, VALUE_LIMIT)
  const had = actual === undefined ? 'no such claim' : quote(actual, VALUE_LIMIT)
  switch (rule) {
    case 'forbidden_claim': {
      const name = `forbidden claim ${quote(claim, VALUE_LIMIT)}`
      return failure === undefined ? `${name} is not ${value}` : `${name} must not be ${value}, the token has ${had}`
    }
    case 'not_before':
    case 'expires':
      return failure === undefined ? `${rule} ${value} holds` : `${rule} ${value} does not hold, it is ${actual ?? ''}`
    default: {
      const name = rule === 'claim' || rule === 'github_actions' ? `${rule} ${quote(claim, VALUE_LIMIT)}` : rule
      return failure === undefined ? `${name} matched ${value}` : `${name} expected ${value}, the token has ${had}`
    }
  }
}

/** Characters of one value in a list of verdicts. */
const VALUE_LIMIT = 200
/** Characters: a gRPC message travels in a header, whose whole block clients limit to 8 or 16 KiB. */
const VERDICTS_LIMIT = 2000
