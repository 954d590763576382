import type { OrganizationPolicyDocument } from '../gen/documents.ts'
import { isOrganizationPolicyDocument, isTrustPolicyDocument, type SchemaFault } from '../gen/validators.cjs'
import { nearest } from '../terms/nearest.ts'
import { quote } from '../terms/text.ts'
import { pointerTo } from './document.ts'
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
  const faults = (validate.errors ?? []).slice(0, FAULT_LIMIT)
  return {
    parse: faults.flatMap((fault) => formFinding(fault, kind)),
    compile: faults.flatMap(ruleFinding),
  }
}

function formFinding(fault: SchemaFault, kind: PolicyKind): readonly Finding[] {
  if (fault.keyword === 'type') {
    return [{ pointer: fault.instancePath, message: `${fieldAt(fault.instancePath)} must be ${article(fault)}` }]
  }
  if (fault.keyword !== 'additionalProperties') return []
  const name = String(fault.params['additionalProperty'])
  return [{ pointer: pointerTo(fault.instancePath, name), message: unknownField(name, kind) }]
}

function unknownField(name: string, kind: PolicyKind): string {
  if (kind === 'repository' && name === 'repositories') {
    return 'repositories is for policies in the policy repository of the organization only; leave it out here'
  }
  const near = nearest(
    name,
    FIELDS.filter((field) => kind === 'organization' || field !== 'repositories'),
  )
  return `unknown field ${quote(name)}${near === undefined ? '' : `; did you mean "${near}"?`}`
}

function ruleFinding({ keyword, instancePath, params }: SchemaFault): readonly Finding[] {
  const field = fieldAt(instancePath)
  switch (keyword) {
    case 'required':
      // The other "required" are the branches of "exactly one of".
      return params['missingProperty'] === 'permissions' ? [{ pointer: '', message: PERMISSIONS_MISSING }] : []
    case 'minProperties':
      return [{ pointer: instancePath, message: PERMISSIONS_MISSING }]
    case 'minItems':
      return [{ pointer: instancePath, message: `${field} is empty: name one, or leave the field out` }]
    case 'maxItems':
      return [{ pointer: instancePath, message: `${field} has more than ${String(params['limit'])} entries` }]
    case 'pattern':
      return [{ pointer: instancePath, message: `${field} is not the name of a repository: ${REPOSITORY_NAME}` }]
    default:
      return []
  }
}

function article({ params }: SchemaFault): string {
  if (params['type'] === 'object') return 'a mapping'
  return params['type'] === 'array' ? 'a list' : 'a text'
}

/** `/claim_pattern/ref` as `claim_pattern "ref"`, `/repositories/2` as `repositories[2]`. */
function fieldAt(pointer: string): string {
  const [field = '', ...names] = pointer.split('/').slice(1)
  const inner = names.map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~'))
  return [field, ...inner.map((name) => (field === 'repositories' ? `[${name}]` : ` ${quote(name)}`))].join('')
}

/** Nobody reads more, and a file of 64 KiB can have twenty thousand. */
const FAULT_LIMIT = 100
const PERMISSIONS_MISSING =
  'permissions is missing or empty: name what the token may do (GitHub would grant everything)'
const REPOSITORY_NAME = '1 to 100 of A-Z a-z 0-9 . _ -, without the owner, and not "." or ".."'

const FIELDS = Object.keys({
  issuer: true,
  issuer_pattern: true,
  subject: true,
  subject_pattern: true,
  audience: true,
  audience_pattern: true,
  claim_pattern: true,
  permissions: true,
  app: true,
  app_pattern: true,
  repositories: true,
} satisfies Record<keyof OrganizationPolicyDocument, true>)
