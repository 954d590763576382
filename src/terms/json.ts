/**
 * JSON.parse that refuses an object with two members of one name (RFC 8259 §4 leaves their meaning open, so two parsers
 * may see two different tokens), and nesting over 64: some 6000 brackets, which fit into a token, overflow the stack of
 * whoever writes the value out again. Throws a SyntaxError.
 */
export function parseJsonStrictly(text: string): unknown {
  const value: unknown = JSON.parse(text)
  const repeated = repeatedMember(text)
  if (repeated !== undefined) throw new SyntaxError(`member ${JSON.stringify(repeated)} occurs twice in one object`)
  return value
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
  return typeof value === 'object' && value !== null && Object.values(value).some(hasInexactNumber)
}

/** False for a number that other JSON texts mean as well: infinite, or whole and beyond 2^53. */
export function isExactNumber(value: number): boolean {
  return Number.isFinite(value) && Math.abs(value) <= Number.MAX_SAFE_INTEGER
}

/** True for a JSON object: neither null nor a list. */
export function isJsonObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The first name that occurs twice in one object of `text`, which must be valid JSON: one pass over its strings and brackets. */
function repeatedMember(text: string): string | undefined {
  const objects: (Set<string> | undefined)[] = []
  let index = 0
  while (index < text.length) {
    const character = text[index]
    if (character === '{' || character === '[') {
      if (objects.length === DEPTH_LIMIT) throw new SyntaxError(`nested deeper than ${DEPTH_LIMIT}`)
      objects.push(character === '{' ? new Set() : undefined)
    } else if (character === '}' || character === ']') objects.pop()
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

function endOfString(text: string, start: number): number {
  let index = start + 1
  while (text[index] !== '"') index += text[index] === '\\' ? 2 : 1
  return index + 1
}

function isMemberName(text: string, end: number): boolean {
  let index = end
  while (text[index] === ' ' || text[index] === '\t' || text[index] === '\n' || text[index] === '\r') index += 1
  return text[index] === ':'
}

const DEPTH_LIMIT = 64
const STRING_OR_NUMBER = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g
