/**
 * What an error says, told by its shape: those of the system and of libraries need not be of this realm's class. `fetch
 * failed` says nothing; its cause has the system's word.
 */
export function errorText(error: unknown): string {
  const { cause } = shapeOf(error)
  const told = shapeOf(cause).message === undefined ? shapeOf(error) : shapeOf(cause)
  return told.message || told.code || 'failed'
}

/** `ENOENT`, `ECONNREFUSED`; `unknown` for an error without one. */
export function errorCode(error: unknown): string {
  return shapeOf(error).code ?? 'unknown'
}

interface ErrorShape {
  readonly message: string | undefined
  readonly code: string | undefined
  readonly cause: unknown
}

function shapeOf(error: unknown): ErrorShape {
  if (typeof error !== 'object' || error === null) return { message: undefined, code: undefined, cause: undefined }
  const text = (value: unknown) => (typeof value === 'string' ? value : undefined)
  return {
    message: 'message' in error ? text(error.message) : undefined,
    code: 'code' in error ? text(error.code) : undefined,
    cause: 'cause' in error ? error.cause : undefined,
  }
}
