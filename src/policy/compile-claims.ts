import type { Steps } from '../terms/steps.ts'
import { quote } from '../terms/text.ts'
import type { Section } from './compile-alternatives.ts'
import { pointerTo } from './document.ts'
import { exactly } from './pattern.ts'
import type { ClaimRule, ClaimWord, ListMatcher, Matcher } from './trust-policy.ts'
import { type PatternPlace, patternMatcher, refuse, spendOnValues, type Work } from './work.ts'

/** The rules for claims of one alternative, word by word. */
export function* claimRules(work: Work, section: Section): Steps<readonly ClaimRule[]> {
  const rules: ClaimRule[] = []
  for (const word of WORDS) {
    for (const [name, written] of Object.entries(section.fields[word] ?? {})) {
      const place = {
        pointer: pointerTo(`${section.pointer}/${word}`, name),
        field: `${section.label}${word} ${quote(name)}`,
      }
      const path = pathOf(name, word)
      if (path === undefined) {
        const fault = `is not a JSON Pointer (RFC 6901): "~" is written ~0, and "/" in a name ~1`
        refuse(work, place.pointer, `${place.field} ${fault}`)
        continue
      }
      const isPattern = word === 'claim_pattern'
      const value = yield* isPattern ? patternMatcher(work, String(written), place) : valueMatcher(work, written, place)
      if (value !== undefined) rules.push({ word, name, path, value })
    }
  }
  return rules
}

type Written = string | number | boolean | readonly (string | number | boolean)[] | { readonly pattern: string }

function* valueMatcher(
  work: Work,
  written: Written,
  { pointer, field }: PatternPlace,
): Steps<Matcher | ListMatcher | undefined> {
  if (typeof written === 'object' && 'pattern' in written) {
    return yield* patternMatcher(work, written.pattern, { pointer: `${pointer}/pattern`, field })
  }
  const list = typeof written === 'object' ? written.map(String) : undefined
  if (!spendOnValues(work, list?.length ?? 1, { pointer, field })) return undefined
  return list === undefined ? exactly(String(written)) : anyOf(list)
}

function anyOf(values: readonly string[]): ListMatcher {
  const allowed = new Set(values)
  return { kind: 'list', source: JSON.stringify(values), size: 0, values, matches: (value) => allowed.has(value) }
}

/** A name is itself; under the words that the reference has not, one that starts with `/` is a pointer into the claims. */
function pathOf(name: string, word: ClaimWord): ClaimRule['path'] | undefined {
  if (!name.startsWith('/') || word === 'claim_pattern') return [name]
  if (BAD_ESCAPE.test(name)) return undefined
  // RFC 6901 §4: ~1 first, so that ~01 becomes ~1 and not a slash.
  const [first = '', ...others] = name
    .slice(1)
    .split('/')
    .map((member) => member.replaceAll('~1', '/').replaceAll('~0', '~'))
  return [first, ...others]
}

const BAD_ESCAPE = /~(?![01])/
const WORDS = ['claim_pattern', 'claims', 'github_actions', 'forbidden_claims'] as const satisfies readonly ClaimWord[]
