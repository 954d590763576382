/**
 * JSON.parse that refuses an object with two members of one name (RFC 8259 §4 leaves their meaning open, so two parsers
 * may see two different tokens), and nesting over 64: some 6000 brackets, which fit into a token, overflow the stack of
 * whoever writes the value out again. Throws a SyntaxError.
 *
 * Of two members of one name JSON.parse keeps the last, so the value has fewer members than the text: counting both finds
 * that there is such a name, at a fifth of the price of comparing names. Which one it is, is looked for only then.
 */
export function parseJsonStrictly(text: string): unknown {
  const value: unknown = JSON.parse(text)
  if (membersOfValue(value, DEPTH_LIMIT) === membersOfText(text)) return value
  throw new SyntaxError(`member ${JSON.stringify(repeatedMember(text))} occurs twice in one object`)
}

/**
 * What a JSON text says, with each whole number beyond 2^53 as the text it was written as: JSON.parse makes of it another
 * number, which it shares with its neighbours. undefined when it has none; `parsed` is what JSON.parse made of the text.
 */
export function withLargeNumbersAsText(text: string, parsed: unknown): unknown {
  if (!hasInexactNumber(parsed)) return undefined
  const isKept = (token: string) => token.startsWith('"') || isExactNumber(Number(token))
  return JSON.parse(text.replace(STRING_OR_NUMBER, (token) => (isKept(token) ? token : `"${token}"`)))
}

function hasInexactNumber(value: unknown): boolean {
  if (typeof value === 'number') return !isExactNumber(value)
  if (typeof value !== 'object' || value === null) return false
  const object = value as Readonly<Record<string, unknown>>
  for (const name of Object.keys(object)) if (hasInexactNumber(object[name])) return true
  return false
}

/** False for a number that other JSON texts mean as well: infinite, or whole and beyond 2^53. */
export function isExactNumber(value: number): boolean {
  return Number.isFinite(value) && Math.abs(value) <= Number.MAX_SAFE_INTEGER
}

/** True for a JSON object: neither null nor a list. */
export function isJsonObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The members of all objects in a value: the depth left is how deep it may be nested. */
function membersOfValue(value: unknown, depthLeft: number): number {
  if (typeof value !== 'object' || value === null) return 0
  if (depthLeft === 0) throw new SyntaxError(`nested deeper than ${DEPTH_LIMIT}`)
  let count = 0
  if (Array.isArray(value)) {
    for (const member of value) count += membersOfValue(member, depthLeft - 1)
    return count
  }
  const object = value as Readonly<Record<string, unknown>>
  for (const name of Object.keys(object)) count += 1 + membersOfValue(object[name], depthLeft - 1)
  return count
}

/** The members of all objects in a valid JSON text: each has its one colon outside of strings. */
function membersOfText(text: string): number {
  let count = 0
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index)
    if (unit === COLON) count += 1
    else if (unit === QUOTE) index = endOfString(text, index) - 1
  }
  return count
}

/** The first name that occurs twice in one object of a valid JSON text: one pass over its strings and brackets. */
function repeatedMember(text: string): string | undefined {
  const objects: (Set<string> | undefined)[] = []
  let index = 0
  while (index < text.length) {
    const character = text[index]
    if (character === '{' || character === '[') objects.push(character === '{' ? new Set() : undefined)
    else if (character === '}' || character === ']') objects.pop()
    else if (character === '"') {
      const end = endOfString(text, index)
      const names = objects.at(-1)
      if (names !== undefined && isMemberName(text, end)) {
        const name = JSON.parse(text.slice(index, end)) as string
        if (names.has(name)) return name
        names.add(name)
      }
      index = end
      continue
    }
    index += 1
  }
  return undefined
}

/** Where the string that starts with the quote at `start` has ended: after the next quote that is not escaped. */
function endOfString(text: string, start: number): number {
  let quote = text.indexOf('"', start + 1)
  while (backslashesBefore(text, quote) % 2 === 1) quote = text.indexOf('"', quote + 1)
  return quote + 1
}

function backslashesBefore(text: string, index: number): number {
  let count = 0
  while (text.charCodeAt(index - 1 - count) === BACKSLASH) count += 1
  return count
}

function isMemberName(text: string, end: number): boolean {
  let index = end
  while (text[index] === ' ' || text[index] === '\t' || text[index] === '\n' || text[index] === '\r') index += 1
  return text[index] === ':'
}

const DEPTH_LIMIT = 64
const [COLON, QUOTE, BACKSLASH] = [0x3a, 0x22, 0x5c] as const
const STRING_OR_NUMBER = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g
