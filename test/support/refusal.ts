import { Denial } from '../../src/terms/denial.ts'

/** Why something was refused: the reason, and what the log is told. */
export async function refusal(
  promise: Promise<unknown>,
): Promise<{ readonly reason: string; readonly log: string } | undefined> {
  try {
    await promise
    return undefined
  } catch (error) {
    if (!(error instanceof Denial)) throw error
    return { reason: error.reason, log: error.cause instanceof Error ? error.cause.message : String(error.cause) }
  }
}
