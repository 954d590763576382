/**
 * Takes the one message of a unary call out of its stream (gRPC over HTTP/2, "Length-Prefixed-Message"): a byte that says
 * whether it is compressed, which is not looked at, its length in four bytes, itself. In the usual case nothing is copied.
 */
export class MessageReader {
  /** The message, as soon as it is whole. */
  message: Buffer | undefined = undefined
  readonly #limitBytes: number
  /** How much of a prefix has come, the length that it names, and how much of the message has come. */
  #prefix = 0
  #length = 0
  #come = 0
  /** Grows with what really comes: a length alone must not cost any memory. */
  #store = NOTHING

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes
  }

  /** Says what is wrong, if anything: a message that is too large, as soon as its length is there, or a whole second one. */
  take(chunk: Buffer): 'large' | 'second' | undefined {
    let at = 0
    while (at < chunk.length) {
      if (this.#prefix < PREFIX_BYTES) {
        at = this.#takePrefix(chunk, at)
        if (this.#prefix < PREFIX_BYTES) return undefined
        if (this.#length > this.#limitBytes) return 'large'
      }
      const part = chunk.subarray(at, at + this.#length - this.#come)
      at += part.length
      this.#keep(part)
      if (this.#come < this.#length) return undefined
      if (this.message !== undefined) return 'second'
      this.message = this.#length === part.length ? part : this.#store
      this.#prefix = 0
      this.#length = 0
      this.#come = 0
    }
    return undefined
  }

  /** Returns where the prefix ends, or the chunk. */
  #takePrefix(chunk: Buffer, begin: number): number {
    let at = begin
    while (this.#prefix < PREFIX_BYTES && at < chunk.length) {
      if (this.#prefix > 0) this.#length = this.#length * 0x100 + (chunk[at] ?? 0)
      this.#prefix += 1
      at += 1
    }
    return at
  }

  /** Copies only what is not all of a message, and of a second one nothing: that is refused anyway. */
  #keep(part: Buffer): void {
    const begin = this.#come
    this.#come += part.length
    if (part.length === this.#length || this.message !== undefined) return
    if (this.#come > this.#store.length) {
      const grown = Buffer.alloc(Math.min(this.#length, Math.max(2 * this.#store.length, this.#come)))
      this.#store.copy(grown, 0, 0, begin)
      this.#store = grown
    }
    part.copy(this.#store, begin)
  }
}

/** A message with its prefix. */
export function framed(message: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(PREFIX_BYTES + message.length)
  frame[0] = 0 // not compressed
  frame.writeUInt32BE(message.length, 1)
  frame.set(message, PREFIX_BYTES)
  return frame
}

const PREFIX_BYTES = 5
const NOTHING = Buffer.alloc(0)
