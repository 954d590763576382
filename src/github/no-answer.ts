/**
 * GitHub was asked and gave no usable answer: for the log and for the decision whether to ask again.
 * `unreached`: the connection failed before any of an answer came. `cut`: it broke off.
 * `oversized`: it was larger than such an answer can be. `timeout`: the time for one call was over.
 */
export class NoAnswer extends Error {
  readonly kind: 'unreached' | 'cut' | 'oversized' | 'timeout'

  constructor(kind: NoAnswer['kind'], message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'NoAnswer'
    this.kind = kind
  }
}
