/**
 * About how many instructions an RE2 pattern compiles to, at least as large as what matters: the compiler writes counted
 * repetitions out, so `\pL{1000}` repeated over 4096 characters would cost it a second before its size is known. It reads
 * no more of the syntax than groups, classes, escapes and repetitions; the engine alone decides what a pattern means.
 */
export function programEstimate(pattern: string): number {
  const groups: Size[] = [{ total: 0, last: 0 }]
  for (const [token, literal] of pattern.matchAll(TOKEN)) {
    const group = groups.at(-1)
    if (group === undefined) break
    const repetition = REPETITION.exec(token)
    if (token === '(') groups.push({ total: 0, last: 0 })
    else if (token === ')') closeGroup(groups)
    else if (repetition !== null) repeat(group, Math.max(Number(repetition[1]), Number(repetition[2] ?? 1)))
    else append(group, literal === undefined ? weightOf(token) : literal.length)
  }
  return groups.reduce((sum, { total }) => sum + total, 0)
}

interface Size {
  total: number
  /** Of the expression that a repetition would repeat. */
  last: number
}

/** A Unicode class is one instruction of some hundred ranges. */
function weightOf(token: string): number {
  return UNICODE_CLASS.test(token) ? UNICODE_CLASS_WEIGHT : 1
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
