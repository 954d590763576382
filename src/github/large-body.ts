/**
 * Memory that large bodies are received in, one after the other. The buffers that a socket is read into are freed only when
 * V8 has seen that they are garbage, which it does late for those that waited for the rest of a body, and what malloc has
 * once taken for them the process keeps.
 */
export class Shelf {
  readonly #free: Buffer[] = []
  readonly #most: number

  /** Keeps so many bytes at most for the bodies to come. */
  constructor(bytes: number) {
    this.#most = Math.floor(bytes / BLOCK_BYTES)
  }

  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(BLOCK_BYTES)
  }

  giveBack(blocks: readonly Buffer[]): void {
    for (const block of blocks) if (this.#free.length < this.#most) this.#free.push(block)
  }
}

/** The bytes of one body, in blocks of a shelf. */
export class LargeBody {
  readonly #shelf: Shelf
  #blocks: Buffer[] = []
  /** In the last of them. */
  #filled = 0

  constructor(shelf: Shelf) {
    this.#shelf = shelf
  }

  /** Keeps a copy. */
  add(chunk: Buffer): void {
    for (let from = 0; from < chunk.length; ) {
      const copied = chunk.copy(this.#blockWithRoom(), this.#filled, from)
      this.#filled += copied
      from += copied
    }
  }

  #blockWithRoom(): Buffer {
    const last = this.#blocks.at(-1)
    if (last !== undefined && this.#filled < BLOCK_BYTES) return last
    const next = this.#shelf.take()
    this.#blocks.push(next)
    this.#filled = 0
    return next
  }

  /** In their order; true until `free`. */
  chunks(): readonly Buffer[] {
    const last = this.#blocks.at(-1)
    return last === undefined ? [] : [...this.#blocks.slice(0, -1), last.subarray(0, this.#filled)]
  }

  /** The blocks are for others from here on. */
  free(): void {
    this.#shelf.giveBack(this.#blocks)
    this.#blocks = []
  }
}

export const BLOCK_BYTES = 65_536
