/** What is to be told of how work ended. */
export interface Watch {
  readonly ended: () => void
  readonly failed: (error: unknown) => void
}

/**
 * Does the work, and tells how it ended: at once for work that waits for nothing, and for a promise when it settles, before
 * whoever waits for it. What the work returns or throws is handed on as it is.
 */
export function watched<T>(work: () => T, { ended, failed }: Watch): T {
  let result: T
  try {
    result = work()
  } catch (error) {
    failed(error)
    throw error
  }
  if (result instanceof Promise) result.then(ended, failed)
  else ended()
  return result
}
