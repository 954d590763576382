/** Whether a text has more than so many Unicode code points: what every length limit of this service counts. */
export function isLongerThan(text: string, limit: number): boolean {
  if (text.length <= limit) return false // it has at least as many UTF-16 units
  return text.length > 2 * limit || codePoints(text) > limit // and at most twice as many
}

/** The number of Unicode code points in a text. */
export function codePoints(text: string): number {
  let count = 0
  for (let index = 0; index < text.length; index += 1) {
    count += 1
    const unit = text.charCodeAt(index)
    if (unit < 0xd800 || unit > 0xdbff) continue
    const next = text.charCodeAt(index + 1)
    if (next >= 0xdc00 && next <= 0xdfff) index += 1
  }
  return count
}

/**
 * A text a stranger chose, made fit for a message or a log: JSON-quoted, so that no control character, line break or
 * invisible direction mark survives, and cut after `limit` code points.
 */
export function quote(text: string, limit = 255): string {
  const cut = isLongerThan(text, limit) ? `${firstCodePoints(text, limit)}…` : text
  return escapeUnprintable(JSON.stringify(cut))
}

/** The text with each unprintable character (`isPrintable`) written as an escape: for prose that may hold a stranger's characters. */
export function escapeUnprintable(text: string): string {
  if (PLAIN.test(text)) return text
  return text.replace(UNPRINTABLE, (character) => {
    const code = character.codePointAt(0) ?? 0
    return code > 0xffff ? `\\u{${code.toString(16)}}` : `\\u${code.toString(16).padStart(4, '0')}`
  })
}

/** True for a text without control, format, surrogate, private-use or unassigned characters and without line separators. */
export function isPrintable(text: string): boolean {
  return PLAIN.test(text) || !HAS_UNPRINTABLE.test(text)
}

/** Looks at no more of the text than it needs: a stranger may have sent megabytes. */
function firstCodePoints(text: string, count: number): string {
  return [...text.slice(0, count * 2)].slice(0, count).join('')
}

const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/gu
const HAS_UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/u
/** Nearly every text is, and to see that takes a tenth of the time. */
const PLAIN = /^[\x20-\x7e]*$/

/**
 * A text a stranger chose, made fit for a log value or an event: cut after `limit` code points, with every unprintable
 * character written out as `\u{…}`.
 */
export function encode(text: string, limit = 512): string {
  const cut = text.length > limit ? firstCodePoints(text, limit) : text
  if (PLAIN.test(cut)) return cut
  return cut.replace(UNPRINTABLE, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`)
}

/** The same text, which holds nothing else: a part of another text holds all of that for as long as it is kept. */
export function detached(text: string): string {
  return JSON.parse(JSON.stringify(text)) as string
}
