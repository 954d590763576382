/** An RE2 pattern as a tree: as much of its meaning as can be said without running it. Flags are read and left out. */
export type PatternNode =
  | CharacterNode
  /** `^`, `$`, `\A`, `\z`, `\b`, `\B`: matches no character. */
  | { readonly kind: 'assertion' }
  | { readonly kind: 'sequence'; readonly parts: readonly PatternNode[] }
  | { readonly kind: 'alternation'; readonly branches: readonly [PatternNode, ...PatternNode[]] }
  | { readonly kind: 'repetition'; readonly of: PatternNode; readonly operator: string }

/** Matches exactly one character. */
export interface CharacterNode {
  readonly kind: 'character'
  /** As it is written. */
  readonly source: string
  /** The one character it stands for, whatever its case; undefined for a class and for `.`. */
  readonly literal: string | undefined
  /** Whether that character is `/`: never, always, or it may be. */
  readonly slash: 'never' | 'always' | 'maybe'
}

/**
 * The tree of a pattern that the engine has compiled, or undefined for one with syntax that is not understood here: whoever
 * decides by the tree must then refuse. It says nothing of patterns that the engine refuses.
 */
export function patternTree(pattern: string): PatternNode | undefined {
  const reader: Reader = { pattern, at: 0 }
  const tree = readAlternation(reader)
  return reader.at === pattern.length ? tree : undefined
}

interface Reader {
  readonly pattern: string
  at: number
}

/** Ends at the end of the pattern, at the `)` of the group, or at what is not understood. */
function readAlternation(reader: Reader): PatternNode | undefined {
  const first = readSequence(reader)
  if (first === undefined) return undefined
  const others: PatternNode[] = []
  while (take(reader, BAR) !== undefined) {
    const branch = readSequence(reader)
    if (branch === undefined) return undefined
    others.push(branch)
  }
  return others.length === 0 ? first : { kind: 'alternation', branches: [first, ...others] }
}

function readSequence(reader: Reader): PatternNode | undefined {
  const parts: PatternNode[] = []
  while (reader.at < reader.pattern.length && !END_OF_SEQUENCE.has(reader.pattern.charAt(reader.at))) {
    if (take(reader, FLAGS) !== undefined) continue
    const operator = take(reader, REPETITION)
    if (operator === undefined) {
      const read = readAtoms(reader)
      if (read === undefined) return undefined
      parts.push(...read)
      continue
    }
    // As the engine has it: of the last thing read, whatever flags or empty quotations stand between.
    const of = parts.pop()
    if (of === undefined) return undefined
    parts.push({ kind: 'repetition', of, operator: operator[0] })
  }
  return { kind: 'sequence', parts }
}

/** What a repetition after it would repeat, last; a quotation is many characters. */
function readAtoms(reader: Reader): readonly PatternNode[] | undefined {
  if (take(reader, ASSERTION) !== undefined) return [{ kind: 'assertion' }]
  const quotation = take(reader, QUOTATION)
  if (quotation !== undefined) return [...(quotation[1] ?? '')].map((character) => literalNode(character, character))
  if (take(reader, GROUP) !== undefined) {
    const inner = readAlternation(reader)
    return inner === undefined || take(reader, GROUP_END) === undefined ? undefined : [inner]
  }
  const character = readCharacter(reader)
  return character === undefined ? undefined : [character]
}

function readCharacter(reader: Reader): CharacterNode | undefined {
  const start = reader.at
  if (reader.pattern.charAt(start) === '[') return readClass(reader)
  if (reader.pattern.charAt(start) === '(') return undefined // of a kind that RE2 may have one day
  if (take(reader, DOT) !== undefined) return { kind: 'character', source: '.', literal: undefined, slash: 'maybe' }
  const set = readNamedSet(reader)
  const literal = set === undefined ? readLiteral(reader) : undefined
  const source = reader.pattern.slice(start, reader.at)
  if (literal !== undefined) return literalNode(literal, source)
  if (set === undefined) return undefined
  return { kind: 'character', source, literal, slash: set === 'no' ? 'never' : 'maybe' }
}

function literalNode(literal: string, source: string): CharacterNode {
  return { kind: 'character', source, literal, slash: literal === '/' ? 'always' : 'never' }
}

/** Whether a set of characters has `/` in it. */
type HasSlash = 'yes' | 'no' | 'unknown'

/** A class in brackets. */
function readClass(reader: Reader): CharacterNode | undefined {
  const start = reader.at
  const negated = take(reader, CLASS)?.[0] === '[^'
  const items: { readonly has: HasSlash; readonly isSlash: boolean }[] = []
  // A bracket that comes first is a character.
  while (items.length === 0 || reader.pattern.charAt(reader.at) !== ']') {
    const item = readItem(reader)
    if (item === undefined) return undefined
    items.push(item)
  }
  reader.at += 1
  const only = !negated && items.every(({ isSlash }) => isSlash)
  const free = negated ? items.some(({ has }) => has === 'yes') : items.every(({ has }) => has === 'no')
  const source = reader.pattern.slice(start, reader.at)
  return { kind: 'character', source, literal: undefined, slash: only ? 'always' : free ? 'never' : 'maybe' }
}

/** One member of a class: a named set, a character, or a range. `isSlash`: it is `/` and nothing else. */
function readItem(reader: Reader): { readonly has: HasSlash; readonly isSlash: boolean } | undefined {
  const set = readNamedSet(reader) ?? readPosixSet(reader)
  if (set !== undefined) return { has: set, isSlash: false }
  const low = readClassCharacter(reader)
  if (low === undefined) return undefined
  const high = take(reader, RANGE) === undefined ? low : readLiteral(reader)?.codePointAt(0)
  if (high === undefined) return undefined
  return { has: low <= SLASH && SLASH <= high ? 'yes' : 'no', isSlash: low === SLASH && high === SLASH }
}

/** `\d`, `\W`, `\pL`, `\P{Greek}` and their like, which stand inside of classes and outside. */
function readNamedSet(reader: Reader): HasSlash | undefined {
  const perl = take(reader, PERL_SET)
  // None of the lower case ones has it, and the upper case ones are all the rest.
  if (perl !== undefined) return perl[1] === perl[1]?.toLowerCase() ? 'no' : 'yes'
  const unicode = take(reader, UNICODE_SET)
  if (unicode === undefined) return undefined
  const name = unicode[2] ?? unicode[3] ?? ''
  const negated = (unicode[1] === 'P') !== name.startsWith('^')
  if (!WITHOUT_SLASH.test(name)) return 'unknown'
  return negated ? 'yes' : 'no'
}

function readPosixSet(reader: Reader): HasSlash | undefined {
  const set = take(reader, POSIX_SET)
  if (set === undefined) return undefined
  return POSIX_WITH_SLASH.has(set[2] ?? '') !== (set[1] === '^') ? 'yes' : 'no'
}

/** The code point; an opening bracket that begins a set like `[:alpha:]`, or seems to, is none. */
function readClassCharacter(reader: Reader): number | undefined {
  const rest = reader.pattern.slice(reader.at)
  if (rest.startsWith('[:') && rest.includes(':]')) return undefined
  const literal = readLiteral(reader)
  return literal?.codePointAt(0)
}

/** A character as it is, or its escape. */
function readLiteral(reader: Reader): string | undefined {
  const octal = take(reader, OCTAL)
  if (octal !== undefined) return characterOf(Number.parseInt(octal[1] ?? '', 8))
  const hexadecimal = take(reader, HEXADECIMAL)
  if (hexadecimal !== undefined) return characterOf(Number.parseInt(hexadecimal[1] ?? hexadecimal[2] ?? '', 16))
  const control = take(reader, CONTROL)
  if (control !== undefined) return CONTROLS[control[1] ?? '']
  return (take(reader, ESCAPED) ?? take(reader, PLAIN))?.[1]
}

function characterOf(code: number): string | undefined {
  return code <= 0x10ffff ? String.fromCodePoint(code) : undefined
}

/** What a sticky expression finds where the reader stands. These expressions are ours: the pattern is their input. */
function take(reader: Reader, expression: RegExp): RegExpExecArray | undefined {
  expression.lastIndex = reader.at
  const found = expression.exec(reader.pattern)
  if (found === null) return undefined
  reader.at += found[0].length
  return found
}

const SLASH = 0x2f
const END_OF_SEQUENCE: ReadonlySet<string> = new Set(['|', ')'])
const BAR = /\|/uy
const FLAGS = /\(\?[imsU-]*\)/uy
const GROUP = /\((?!\?)|\(\?(?:P?<\w+>|[imsU-]*:)/uy
const GROUP_END = /\)/uy
/** With the mark that makes it lazy. A number that begins with 0, or a brace that is not closed, is a text to RE2. */
const REPETITION = /(?:[*+?]|\{(?:0|[1-9]\d*)(?:,(?:0|[1-9]\d*)?)?\})\??/uy
const ASSERTION = /[\^$]|\\[AzbB]/uy
const QUOTATION = /\\Q((?:(?!\\E)[\s\S])*)(?:\\E)?/uy
const DOT = /\./uy
const CLASS = /\[\^?/uy
/** Not before the bracket that closes the class: there it is a character. */
const RANGE = /-(?!\])/uy
const PERL_SET = /\\([dswDSW])/uy
const UNICODE_SET = /\\([pP])(?:\{([^}]*)\}|([\s\S]))/uy
const POSIX_SET = /\[:(\^?)(alnum|alpha|ascii|blank|cntrl|digit|graph|lower|print|punct|space|upper|word|xdigit):\]/uy
const OCTAL = /\\(0[0-7]{0,2}|[1-7][0-7]{1,2})/uy
const HEXADECIMAL = /\\x(?:\{([0-9A-Fa-f]+)\}|([0-9A-Fa-f]{2}))/uy
const CONTROL = /\\([afnrtv])/uy
const CONTROLS: Readonly<Record<string, string>> = { a: '\x07', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' }
const ESCAPED = /\\([^A-Za-z0-9\u{80}-\u{10ffff}])/uy
const PLAIN = /([^\\])/uy
/** Letters, marks and numbers; of all other classes of Unicode it is not decided here, because no issuer needs them. */
const WITHOUT_SLASH = /^\^?(?:L[ultmo]?|M[nce]?|N[dlo]?)$/
const POSIX_WITH_SLASH: ReadonlySet<string> = new Set(['ascii', 'graph', 'print', 'punct'])
