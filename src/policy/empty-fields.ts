import { isJsonObject } from '../terms/json.ts'

/**
 * The document without fields whose text is empty: the reference decodes an absent field and an empty one into the same
 * empty text, so `audience: ""` says nothing. That is so for the words of the reference only, here and inside `rules`; a
 * word that it does not know must never be silently without effect. Of `rules` only as many are kept as show that they are too many.
 */
export function withoutEmptyFields(root: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const fields = saying(root)
  const rules = fields['rules']
  if (Array.isArray(rules)) {
    fields['rules'] = rules.slice(0, RULES_LOOKED_AT).map((rule: unknown) => (isJsonObject(rule) ? saying(rule) : rule))
  }
  return fields
}

function saying(root: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const fields = Object.create(null) as Record<string, unknown>
  for (const [name, value] of Object.entries(root)) {
    if (value !== '' || !EMPTY_IS_ABSENT.has(name)) fields[name] = value
  }
  return fields
}

/** One more than a policy may have, for that to be said; a file has room for eight thousand, and each costs its checks. */
const RULES_LOOKED_AT = 33

/** `repositories` is not among them: its emptiness must never be read as "all of them". */
const EMPTY_IS_ABSENT: ReadonlySet<string> = new Set([
  'issuer',
  'issuer_pattern',
  'subject',
  'subject_pattern',
  'audience',
  'audience_pattern',
  'app',
  'app_pattern',
  'claim_pattern',
  'permissions',
])
