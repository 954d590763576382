import type { CallLimits } from './bounded-fetch.ts'
import { errorText } from './error-text.ts'
import type { Granted, Refused } from './sts-answer.ts'
import type { Protocol, StsClient } from './sts-client.ts'
import { fetchToken, type TokenNeeds, type TokenSource } from './token-source.ts'
import type { TokenHolder } from './won-token.ts'

/** An exchange that is made to see what comes of it. */
export interface Trial {
  readonly protocol: Protocol
  readonly scope: string
  readonly identity: string
  readonly cap: readonly string[]
  readonly source: TokenSource
}

/** What trials are made with. */
export interface Bench {
  readonly sts: StsClient
  readonly holder: TokenHolder
  readonly tokens: TokenNeeds
  readonly limits: CallLimits
}

/**
 * In order: get an OIDC token, exchange it (and get an answer of the service), judge the answer, use the token that was won,
 * revoke it.
 */
export const STEPS = ['token', 'exchange', 'outcome', 'use', 'revoke'] as const
export type Step = (typeof STEPS)[number]

/** Something went otherwise than it should. The message is fit to be shown. */
export class StepFailure extends Error {
  readonly step: Step

  constructor(step: Step, message: string) {
    super(message)
    this.step = step
  }
}

/** What is to be done with each of the two answers; either may throw a StepFailure. */
export interface Judge<T> {
  granted(answer: Granted): Promise<T>
  refused(answer: Refused): T
}

/**
 * Makes one exchange and has it judged. A token that was won is revoked afterwards, whatever the judge says of it and
 * whether or not all is being stopped. Throws a StepFailure.
 */
export async function tryOut<T>(trial: Trial, bench: Bench, judge: Judge<T>): Promise<T> {
  const { sts, tokens, limits } = bench
  const { protocol, scope, identity, cap, source } = trial
  const token = await atStep('token', () => fetchToken(source, tokens, limits))
  const answer = await atStep('exchange', () => sts.exchange(protocol, { token, scope, identity, cap }, limits))
  if (!answer.ok) return judge.refused(answer)
  let verdict: T
  try {
    verdict = await judge.granted(answer)
  } catch (error) {
    const left = await revoke(answer, bench).then(
      () => '',
      () => '; nor was the token revoked',
    )
    throw error instanceof StepFailure ? new StepFailure(error.step, `${error.message}${left}`) : error
  }
  await atStep('revoke', () => revoke(answer, bench))
  return verdict
}

/** The work, whose errors become failures of this step. */
export async function atStep<T>(step: Step, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof StepFailure) throw error
    throw new StepFailure(step, errorText(error))
  }
}

/** Within its own time: what is stopped in the middle leaves no token behind. */
function revoke({ token }: Granted, { holder, limits }: Bench): Promise<void> {
  return holder.revoke(token, { ...limits, stop: new AbortController().signal })
}
