import { RE2JSException, RE2JSSyntaxException, RE2Set } from 're2js'
import { createInterned } from '../terms/interned.ts'
import { detached, escapeUnprintable, isLongerThan } from '../terms/text.ts'
import { matchByStates } from './automaton.ts'
import { programEstimate } from './program-estimate.ts'
import type { Matcher } from './trust-policy.ts'

/** A pattern that is ready, or what is wrong with it. `size` is what it cost in instructions, for the budget of a whole policy. */
export type PatternCompilation =
  | { readonly ok: true; readonly matcher: Matcher; readonly size: number }
  | { readonly ok: false; readonly fault: string; readonly size: number }

/** Matches one text, byte for byte. Many policies hold many of them: of one shape, and without a closure. */
class TextMatcher implements Matcher {
  readonly kind: Matcher['kind']
  readonly source: string
  readonly size = 0
  readonly #text: string

  constructor(kind: Matcher['kind'], source: string, text: string) {
    this.kind = kind
    this.source = source
    this.#text = text
  }

  matches(value: string): boolean {
    return value === this.#text
  }
}

/** Matches that one text, byte for byte. */
export const exactly: (source: string) => Matcher = createInterned((text) => new TextMatcher('exact', text, text))

/**
 * Compiles a pattern in RE2 syntax, alone, and matches with it the whole of a value: the meaning of `^(?:pattern)$`
 * without writing it, so that neither `a)|(?:b` nor `(?m)` can move the anchors. JavaScript's RegExp is never used on a
 * policy's pattern: it backtracks without bound, and policies come from strangers.
 * Refuses what RE2 refuses (look-around, back references, repetitions over 1000) and what could take long to match.
 */
export function compilePattern(source: string): PatternCompilation {
  if (isLongerThan(source, PATTERN_LIMIT)) return refused(`is longer than ${PATTERN_LIMIT} characters`)
  const literal = literalOf(source)
  if (literal !== undefined) {
    return { ok: true, size: 1, matcher: new TextMatcher('pattern', detached(source), detached(literal)) }
  }
  const estimate = programEstimate(source)
  if (estimate > PROGRAM_LIMIT) return refused(TOO_LARGE)
  const engine = engineOf(source)
  if ('fault' in engine) return refused(engine.fault, estimate)
  if (engine.size > PROGRAM_LIMIT) return refused(TOO_LARGE, engine.size)
  const { set } = engine
  const matches = (value: string) =>
    value.length <= LONGEST_MATCHED && (matchByStates(set.dfa, value) ?? set.match(value).length > 0)
  const size = Math.max(engine.size, estimate)
  return { ok: true, size, matcher: { kind: 'pattern', source, size: engine.size, matches } }
}

/**
 * The one text that a pattern without metacharacters matches, once its anchors and escapes are taken away; undefined for
 * a real pattern. Most patterns in use are of this kind (`^https://token\.actions\.githubusercontent\.com$`), and `===`
 * is a hundred times cheaper.
 */
export function literalOf(pattern: string): string | undefined {
  const text = LITERAL.exec(pattern)?.[1]
  return text?.replaceAll(ESCAPED_PUNCTUATION, '$1')
}

/**
 * A set of one pattern, because only RE2Set lets the memory of its automaton be bounded; and it makes nothing for searches
 * and groups, which take longer to make than all that a match of the whole value needs.
 */
function engineOf(source: string): { readonly set: RE2Set; readonly size: number } | { readonly fault: string } {
  try {
    const set = new RE2Set(RE2Set.ANCHOR_BOTH, 0, AUTOMATON_LIMIT_BYTES)
    set.add(source)
    set.compile()
    return { set, size: set.prog.numInst() }
  } catch (error) {
    if (error instanceof RE2JSSyntaxException) return { fault: syntaxFault(error) }
    if (error instanceof RE2JSException)
      return { fault: `is not a valid RE2 pattern: ${escapeUnprintable(error.message)}` }
    throw error
  }
}

function refused(fault: string, size = 1): PatternCompilation {
  return { ok: false, fault, size }
}

function syntaxFault(error: RE2JSSyntaxException): string {
  const where = error.getPattern()
  const what = error.getDescription()
  return `is not a valid RE2 pattern: ${what}${where ? ` at "${escapeUnprintable(where.slice(0, EXCERPT_LIMIT))}"` : ''}`
}

/** Twenty times the longest pattern seen in a real policy. */
const PATTERN_LIMIT = 4096
/** Instructions. RE2's own limit of 1000 repetitions stays usable; at this size 4096 characters take at most some 60 ms. */
const PROGRAM_LIMIT = 2000
/** UTF-16 units. A longer claim matches no pattern; subjects and audiences end at 255 characters anyhow. */
export const LONGEST_MATCHED = 4096
/**
 * Of the automaton that each pattern keeps between matches: what strangers match against it can't make it grow further. Those
 * of usual patterns take 10 KB; one that needs more than this begins anew, and is slower for it.
 */
export const AUTOMATON_LIMIT_BYTES = 65_536
const EXCERPT_LIMIT = 100
const TOO_LARGE = 'is too large once its repetitions are written out'
const LITERAL = /^\^?((?:[^\\.+*?()|[\]{}^$]|\\[!-/:-@[-`{-~])*)\$?$/
const ESCAPED_PUNCTUATION = /\\([!-/:-@[-`{-~])/g
