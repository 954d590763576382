import type { OrganizationPolicyDocument } from '../gen/documents.ts'
import { isOrganizationPolicyDocument, isTrustPolicyDocument, type SchemaFault } from '../gen/validators.cjs'
import { nearest } from '../terms/nearest.ts'
import { quote } from '../terms/text.ts'
import { RULE_WORDS, type RuleWord } from './compile-alternatives.ts'
import { pointerTo } from './document.ts'
import { GITHUB_ACTIONS_CLAIMS } from './github-actions-claims.ts'
import type { Finding, PolicyKind } from './trust-policy.ts'

/** What the JSON Schema of a policy has against a document: faults of its form, then rules that a well-formed one breaks. */
export interface ShapeFaults {
  readonly parse: readonly Finding[]
  readonly compile: readonly Finding[]
}

/**
 * Holds a document against the schema of its kind (schemas/trust-policy.json, schemas/organization-policy.json).
 * What the schema says for editors and `compilePolicy` says better (patterns, levels, "exactly one of") is left to that.
 */
export function shapeFaults(root: Readonly<Record<string, unknown>>, kind: PolicyKind): ShapeFaults {
  const validate = kind === 'organization' ? isOrganizationPolicyDocument : isTrustPolicyDocument
  if (validate(root)) return { parse: [], compile: [] }
  const faults = (validate.errors ?? []).filter(saysSomething).slice(0, FAULT_LIMIT)
  return {
    parse: once(faults.flatMap((fault) => formFinding(fault, kind))),
    compile: faults.flatMap(ruleFinding),
  }
}

/** Two parts of the schema may want the same of one field. */
function once(findings: readonly Finding[]): readonly Finding[] {
  return [...new Map(findings.map((finding) => [`${finding.pointer} ${finding.message}`, finding])).values()]
}

/** A claim's value may have one of several shapes: that none fits is said once, not what each of them misses. */
function saysSomething({ instancePath, keyword }: SchemaFault): boolean {
  return keyword === 'anyOf' ? CLAIM_VALUE.test(instancePath) : !WITHIN_CLAIM_VALUE.test(instancePath)
}

function formFinding(fault: SchemaFault, kind: PolicyKind): readonly Finding[] {
  const { instancePath: pointer, keyword, params } = fault
  switch (keyword) {
    case 'type':
      return [{ pointer, message: `${fieldAt(pointer)} must be ${article(fault)}` }]
    case 'anyOf':
      return [{ pointer, message: `${fieldAt(pointer)} must be a value, a list of values, or {pattern: RE2}` }]
    case 'propertyNames': {
      const name = String(params['propertyName'])
      return [{ pointer: pointerTo(pointer, name), message: unknownClaim(name, fieldAt(pointer)) }]
    }
    case 'additionalProperties': {
      const name = String(params['additionalProperty'])
      return [{ pointer: pointerTo(pointer, name), message: unknownField(name, pointer, kind) }]
    }
    default:
      return []
  }
}

function unknownField(name: string, pointer: string, kind: PolicyKind): string {
  if (pointer === '/refresh') return `unknown field ${quote(name)} in refresh${meant(name, ['max_age'])}`
  if (pointer !== '') {
    return FIELDS.includes(name)
      ? `${fieldAt(pointer)} cannot have ${name}: it belongs to the top of the policy`
      : `unknown field ${quote(name)} in ${fieldAt(pointer)}${meant(name, RULE_WORDS)}`
  }
  if (kind === 'organization') return `unknown field ${quote(name)}${meant(name, FIELDS)}`
  return ORGANIZATION_FIELDS.has(name)
    ? `${name} is for policies in the policy repository of the organization only; leave it out here`
    : `unknown field ${quote(name)}${meant(
        name,
        FIELDS.filter((field) => !ORGANIZATION_FIELDS.has(field)),
      )}`
}

function unknownClaim(name: string, field: string): string {
  return `${quote(name)} in ${field} is not a claim that GitHub documents${meant(name, GITHUB_ACTIONS_CLAIMS)}`
}

function meant(name: string, candidates: readonly string[]): string {
  const near = nearest(name, candidates)
  return near === undefined ? '' : `; did you mean "${near}"?`
}

function ruleFinding({ keyword, instancePath: pointer, params }: SchemaFault): readonly Finding[] {
  const field = fieldAt(pointer)
  switch (keyword) {
    case 'required':
      return requiredFinding(pointer, String(params['missingProperty']))
    case 'minProperties':
      return [{ pointer, message: pointer === '/permissions' ? PERMISSIONS_MISSING : emptyField(field) }]
    case 'minItems':
      return [{ pointer, message: emptyField(field) }]
    case 'maxItems':
      return [{ pointer, message: `${field} has more than ${String(params['limit'])} entries` }]
    case 'pattern':
      // The other patterns are for editors.
      return pointer.startsWith('/repositories/')
        ? [{ pointer, message: `${field} is not the name of a repository: ${REPOSITORY_NAME}` }]
        : []
    case 'enum':
      return pointer === '/single_use' ? [{ pointer, message: 'single_use must be true or false' }] : []
    default:
      return []
  }
}

/** The other "required" are the branches of "exactly one of". */
function requiredFinding(pointer: string, missing: string): readonly Finding[] {
  if (pointer === '' && missing === 'permissions') return [{ pointer, message: PERMISSIONS_MISSING }]
  return pointer === '/refresh' ? [{ pointer, message: 'refresh has no max_age: give one, such as {max_age: 8h}' }] : []
}

function emptyField(field: string): string {
  return `${field} is empty: name one, or leave the field out`
}

function article({ params }: SchemaFault): string {
  if (params['type'] === 'object') return 'a mapping'
  return params['type'] === 'array' ? 'a list' : 'a text'
}

/** `/claim_pattern/ref` as `claim_pattern "ref"`, `/repositories/2` as `repositories[2]`, `/rules/0/issuer` as `rules[0] issuer`. */
function fieldAt(pointer: string): string {
  const names = pointer
    .split('/')
    .slice(1)
    .map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~'))
  const [field = '', index, ...inner] = names
  if (index === undefined) return field
  if (!LISTS.has(field)) return [field, ...names.slice(1).map((name) => quote(name))].join(' ')
  const [word, ...rest] = inner
  return [`${field}[${index}]`, ...(word === undefined ? [] : [word]), ...rest.map((name) => quote(name))].join(' ')
}

/** Nobody reads more, and a file of 64 KiB can have twenty thousand. */
const FAULT_LIMIT = 100
const PERMISSIONS_MISSING =
  'permissions is missing or empty: name what the token may do (GitHub would grant everything)'
const REPOSITORY_NAME = '1 to 100 of A-Z a-z 0-9 . _ -, without the owner, and not "." or ".."'
const CLAIM_VALUE = /^(?:\/rules\/\d+)?\/(?:claims|forbidden_claims|github_actions)\/[^/]*$/
const WITHIN_CLAIM_VALUE = /^(?:\/rules\/\d+)?\/(?:claims|forbidden_claims|github_actions)\//
const LISTS: ReadonlySet<string> = new Set(['rules', 'repositories', 'repository_patterns'])
const ORGANIZATION_FIELDS: ReadonlySet<string> = new Set(['repositories', 'repository_patterns'])

const FIELDS: readonly string[] = [
  ...RULE_WORDS,
  ...Object.keys({
    rules: true,
    permissions: true,
    app: true,
    app_pattern: true,
    not_before: true,
    expires: true,
    refresh: true,
    single_use: true,
    repositories: true,
    repository_patterns: true,
  } satisfies Record<Exclude<keyof OrganizationPolicyDocument, RuleWord>, true>),
]
