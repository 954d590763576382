import { isNativeError } from 'node:util/types'
import { escapeUnprintable } from '../terms/text.ts'

/**
 * A key management service or a secret manager did not do what it was asked. `unavailable`: trouble of it or of the network
 * that passes; `refused`: it would answer the same again. The message is for the operator and the log. The vendor's own
 * error is not kept: such objects hold requests, and requests hold credentials.
 */
export class KeyFault extends Error {
  readonly kind: 'unavailable' | 'refused'

  constructor(kind: KeyFault['kind'], message: string) {
    super(message)
    this.name = 'KeyFault'
    this.kind = kind
  }
}

/** What a vendor's error says of itself, on one line and no longer than a log line should be. */
export function describeError(error: unknown): string {
  if (!isNativeError(error)) return 'an error of no known kind'
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined
  const label = error.name === 'Error' ? code : error.name
  // A parser's message quotes what it could not read, which may be half a secret; Azure's quotes all of it.
  if (error.name === 'SyntaxError' || code === 'PARSE_ERROR') return 'an answer that cannot be read'
  const text = escapeUnprintable(error.message.replaceAll(/\s+/g, ' ').trim()).slice(0, MESSAGE_LIMIT)
  return [label, text].filter((part) => part !== undefined && part !== '').join(': ') || 'an error without a message'
}

const MESSAGE_LIMIT = 300
