/**
 * Whether a message in Protocol Buffers' encoding has more than so many fields, known or not: without making anything of
 * them, and without looking further than that. False for bytes that are no message, which is for its reader to say.
 */
export function hasMoreFields(bytes: Uint8Array, most: number): boolean {
  let at = 0
  let count = 0
  while (at < bytes.length) {
    count += 1
    if (count > most) return true
    const tag = varintAt(bytes, at)
    if (tag === undefined) return false
    const end = endOfValue(bytes, tag.end, tag.value & WIRE_TYPE)
    if (end === undefined) return false
    at = end
  }
  return false
}

function endOfValue(bytes: Uint8Array, at: number, wireType: number): number | undefined {
  switch (wireType) {
    case VARINT:
      return varintAt(bytes, at)?.end
    case FIXED64:
      return at + 8
    case FIXED32:
      return at + 4
    case BYTES: {
      const length = varintAt(bytes, at)
      return length === undefined ? undefined : length.end + length.value
    }
    case GROUP:
    case GROUP_END:
      return at // what stands within counts too
    default:
      return undefined
  }
}

/** Its value as far as 32 bits hold it: no message is longer. */
function varintAt(bytes: Uint8Array, at: number): { readonly value: number; readonly end: number } | undefined {
  let value = 0
  for (let index = 0; index < VARINT_BYTES; index += 1) {
    const byte = bytes[at + index]
    if (byte === undefined) return undefined
    if (index < 5) value += (byte & 0x7f) * 2 ** (7 * index)
    if (byte < 0x80) return { value, end: at + index + 1 }
  }
  return undefined
}

/** Of one message; as many parameters as a form of 64 KiB has room for. */
export const FIELDS_LIMIT = 10_000

/** protobuf.dev/programming-guides/encoding */
const [VARINT, FIXED64, BYTES, GROUP, GROUP_END, FIXED32] = [0, 1, 2, 3, 4, 5] as const
const WIRE_TYPE = 7
const VARINT_BYTES = 10
