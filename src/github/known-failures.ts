import { Denial } from '../terms/denial.ts'
import { quote } from '../terms/text.ts'
import { type Answer, describe } from './answer.ts'

/** An answer that came and makes no sense: HTML, `null`, another shape. Unlike silence it gives no right to stale data. */
class UnreadableAnswer extends Error {}

/** An answer from before a push that was heard of: what it replaces is not served either. */
class SupersededAnswer extends UnreadableAnswer {}

/** GitHub had said no before it fell silent. */
class SilenceAfterNo extends Error {}

/**
 * GitHub said that the installation cannot be used: 404 (gone, or not known to this machine of GitHub's yet) or 403
 * (suspended, perhaps). `otherwise` is the refusal when a fresh look at the installation does not explain it.
 */
export class InstallationDoubted extends Error {
  readonly otherwise: Denial

  constructor(otherwise: Denial) {
    super(otherwise.message, { cause: otherwise.cause })
    this.otherwise = otherwise
  }
}

export function unreadable(doing: string, answer: Answer): Denial {
  return new Denial('GITHUB_UNAVAILABLE', `GitHub sent an answer that cannot be understood while ${doing}; try again`, {
    cause: new UnreadableAnswer(describe(answer).message),
  })
}

/** One of GitHub's machines still shows the file from before the push that changed it. Nothing stale is served for it. */
export function supersededFile(
  { owner, repository }: { readonly owner: string; readonly repository: string },
  path: string,
): Denial {
  return new Denial(
    'GITHUB_UNAVAILABLE',
    `GitHub still shows ${path} of ${quote(`${owner}/${repository}`)} as it was before the last push; try again`,
    { cause: new SupersededAnswer('the blob is the one from before the push'), retryAfterMs: REPLICATION_MS },
  )
}

/** The account has another name by now. Old names are never followed: they may belong to somebody else tomorrow. */
export function ownerRenamed(owner: string): Denial {
  return new Denial(
    'REPOSITORY_RENAMED',
    `no installation found for ${quote(owner)}: the account has another name now; ask with that, old names are not followed`,
  )
}

export function notInstalled(owner: string, cause?: Error): Denial {
  return new Denial(
    'APP_NOT_INSTALLED',
    `no installation found for ${quote(owner)}: check the owner's name, and ask its administrators to install the GitHub App`,
    { cause },
  )
}

/** True for the failures that let the last good answer stand (contract §12): rate limits, 5xx and silence. */
export function isUnanswered(error: unknown): error is Denial {
  return saysNothing(error) && !(error.cause instanceof UnreadableAnswer) && !isSilenceAfterNo(error)
}

/** GitHub said until when it wants to hear nothing; for a minute at most it is believed. Silence is asked again at once. */
export function silenceMs({ reason, retryAfterMs }: Denial): number {
  return reason === 'GITHUB_RATE_LIMITED' ? Math.min(retryAfterMs ?? 0, LONGEST_SILENCE_MS) : 0
}

/** True for the failures that say nothing of what was asked for: the last good answer may be needed again. */
export function saysNothing(error: unknown): error is Denial {
  return error instanceof Denial && UNANSWERED.has(error.reason) && !isSilenceAfterNo(error)
}

/**
 * What is tried after a 404 or a 403, to understand it. When GitHub then falls silent the refusal is for that, but what was
 * good until the no is over (contract §12: at once).
 */
export async function afterNo<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!saysNothing(error)) throw error
    const { reason, message, retryAfterMs, cause } = error
    const silence = new SilenceAfterNo('GitHub had answered 404 or 403 before', { cause })
    throw new Denial(reason, message, { cause: silence, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) })
  }
}

function isSilenceAfterNo({ cause }: Error): boolean {
  return cause instanceof SilenceAfterNo
}

/** GitHub's machines agree within seconds. */
const REPLICATION_MS = 2_000
const LONGEST_SILENCE_MS = 60_000
const UNANSWERED: ReadonlySet<string> = new Set(['GITHUB_RATE_LIMITED', 'GITHUB_UNAVAILABLE', 'GITHUB_TIMEOUT'])
