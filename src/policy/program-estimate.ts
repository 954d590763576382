/**
 * About how many instructions an RE2 pattern compiles to, at least as large as what matters: the compiler writes counted
 * repetitions out, so `\pL{1000}` repeated over 4096 characters would cost it a second before its size is known. It reads
 * no more of the syntax than groups, classes, escapes and repetitions; the engine alone decides what a pattern means.
 */
export function programEstimate(pattern: string): number {
  const folds = IGNORES_CASE.test(pattern)
  const groups: Size[] = [{ total: 0, last: 0 }]
  let once = 0
  for (const [token, literal] of pattern.matchAll(TOKEN)) {
    const group = groups.at(-1)
    if (group === undefined) break
    const repetition = REPETITION.exec(token)
    if (token === '(') groups.push({ total: 0, last: 0 })
    else if (token === ')') closeGroup(groups)
    else if (repetition !== null) repeat(group, Math.max(Number(repetition[1]), Number(repetition[2] ?? 1)))
    else append(group, literal === undefined ? weightOf(token) : literal.length)
    once += readingWeight(token, folds)
  }
  return groups.reduce((sum, { total }) => sum + total, once)
}

interface Size {
  total: number
  /** Of the expression that a repetition would repeat. */
  last: number
}

/** A Unicode class is one instruction of some hundred ranges, which are looked at for each copy of it; so are those in brackets. */
function weightOf(token: string): number {
  return (UNICODE_CLASS.test(token) ? UNICODE_CLASS_WEIGHT : 1) + Math.floor(token.length / CHARACTERS_OF_ONE)
}

/**
 * What reading a token costs, however often it is repeated: a Unicode class is looked up, and in brackets all ranges are
 * sorted once more for each. Where case is ignored, the engine looks at each character of a range.
 */
function readingWeight(token: string, folds: boolean): number {
  const folded = folds ? (token.match(PERL_CLASSES)?.length ?? 0) * PERL_CLASS_WEIGHT : 0
  const sets = (token.match(UNICODE_CLASSES)?.length ?? 0) * READING_WEIGHT + folded
  if (!token.startsWith('[')) return sets
  return sets + Math.floor(token.length / RANGES_OF_ONE) + (folds ? foldingWeight(token) : 0)
}

function foldingWeight(token: string): number {
  let characters = 0
  for (const [, low = '', high = ''] of token.matchAll(RANGE)) {
    characters += Math.max(0, codeOf(high, LAST_CODE) - codeOf(low, 0))
  }
  return Math.ceil(characters / FOLDED_OF_ONE)
}

/** Of one end of a range; `otherwise` for what is not understood here, so that it is rather too wide. */
function codeOf(end: string, otherwise: number): number {
  const [, hexadecimal = '', short = ''] = HEXADECIMAL.exec(end) ?? []
  if (hexadecimal !== '' || short !== '') return Number.parseInt(hexadecimal || short, 16)
  const isPlain = !end.startsWith('\\') || !LETTER_OR_DIGIT.test(end.slice(1))
  return isPlain ? (end.replace('\\', '').codePointAt(0) ?? otherwise) : otherwise
}

function append(group: Size, size: number): void {
  group.total += size
  group.last = size
}

function repeat(group: Size, times: number): void {
  group.total += group.last * (times - 1)
  group.last *= times
}

function closeGroup(groups: Size[]): void {
  if (groups.length === 1) return
  const closed = groups.pop()
  const group = groups.at(-1)
  if (closed !== undefined && group !== undefined) append(group, closed.total + 2)
}

/** `\Q…\E`, a class, an escape, a counted repetition, or any one character. */
const TOKEN =
  /\\Q((?:(?!\\E)[\s\S])*)(?:\\E)?|\[\^?\]?(?:\\[\s\S]|\[:\^?[a-z]+:\]|[^\]\\])*(?:\]|$)|\\[pPx]\{[^}]*\}|\\[pP]?[\s\S]|\{\d{1,4}(?:,\d{0,4})?\}|[\s\S]/g
const REPETITION = /^\{(\d+)(?:,(\d*))?\}$/
const UNICODE_CLASS = /\\[pP]/
/** Measured: compiling one takes five times as long as a character. */
const UNICODE_CLASS_WEIGHT = 5
const CHARACTERS_OF_ONE = 64
const UNICODE_CLASSES = /\\[pP]/g
const PERL_CLASSES = /\\[DSWdsw]/g
/** Measured, as are the next three; of the last two: how many ranges, or characters that are folded, cost as much as an instruction. */
const READING_WEIGHT = 60
const PERL_CLASS_WEIGHT = 2
const RANGES_OF_ONE = 8
const FOLDED_OF_ONE = 25
const IGNORES_CASE = /\(\?[A-Za-z]*i/
const RANGE = /(\\x\{[^}]*\}|\\x..|\\[^x]|[^\\[])-(\\x\{[^}]*\}|\\x..|\\[^x]|[^\\\]])/gu
const HEXADECIMAL = /^\\x(?:\{([0-9A-Fa-f]+)\}|([0-9A-Fa-f]{2}))$/
const LETTER_OR_DIGIT = /^[A-Za-z0-9]/
const LAST_CODE = 0x10ffff
