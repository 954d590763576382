/**
 * Milliseconds since 1970 of a date and time with an offset (RFC 3339 §5.6 `date-time`); undefined for what is none: a date
 * alone, a time without its offset, a day that does not exist. A leap second is the second after it.
 */
export function instantMs(text: string): number | undefined {
  const parts = DATE_TIME.exec(text)
  if (parts === null) return undefined
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts.slice(1, 7).map(Number)
  const offset = offsetMinutes(parts[8] ?? '')
  if (hour > 23 || minute > 59 || second > 60 || offset === undefined) return undefined
  const date = new Date(0)
  date.setUTCFullYear(year, month - 1, day) // unlike Date.UTC, which takes 0 to 99 for 1900 to 1999
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return undefined
  const fraction = Math.floor(Number(`0${parts[7] ?? ''}`) * 1000)
  return date.getTime() + ((hour * 60 + minute - offset) * 60 + second) * 1000 + fraction
}

function offsetMinutes(offset: string): number | undefined {
  if (offset.toUpperCase() === 'Z') return 0
  const [hours = 0, minutes = 0] = offset.slice(1).split(':').map(Number)
  if (hours > 23 || minutes > 59) return undefined
  return (offset.startsWith('-') ? -1 : 1) * (hours * 60 + minutes)
}

const DATE_TIME = /^(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/
