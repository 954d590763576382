import { status } from '@grpc/grpc-js'
import type { Clock } from '../exchange/ports.ts'
import { errorText } from './error-text.ts'
import { codeName, describeRefusal, type Granted, type Refused } from './sts-answer.ts'
import type { Protocol } from './sts-client.ts'
import { atStep, type Bench, type Step, StepFailure, type Trial, tryOut } from './trial.ts'

/** `exchange` must work, `refusal` must be refused. */
export const CHECKS = ['exchange', 'refusal'] as const
export type CheckName = (typeof CHECKS)[number]

export interface Check {
  readonly name: CheckName
  readonly trial: Trial
  /** Of a refusal. */
  readonly expected: ExpectedRefusal
}

/** Neither: any code that says "no" for good. */
export interface ExpectedRefusal {
  readonly reason?: string
  readonly code?: number
}

export interface CheckResult {
  readonly check: CheckName
  readonly protocol: Protocol
  readonly scope: string
  readonly identity: string
  readonly ok: boolean
  /** Where it went wrong. */
  readonly step?: Step
  /** What happened, in words. No token is in it. */
  readonly message: string
  /** RFC 3339, of the beginning. */
  readonly time: string
  readonly durationMs: number
}

/** Never rejects: whatever happens is the result. */
export async function runCheck(check: Check, bench: Bench, clock: Clock): Promise<CheckResult> {
  const { protocol, scope, identity } = check.trial
  const time = new Date(clock.now()).toISOString()
  const began = clock.monotonic()
  const outcome = await judged(check, bench)
  const durationMs = Math.round(clock.monotonic() - began)
  return { check: check.name, protocol, scope, identity, ...outcome, time, durationMs }
}

async function judged(check: Check, bench: Bench): Promise<Pick<CheckResult, 'ok' | 'step' | 'message'>> {
  try {
    return {
      ok: true,
      message: await (check.name === 'exchange' ? mustWork(check, bench) : mustBeRefused(check, bench)),
    }
  } catch (error) {
    const step = error instanceof StepFailure ? error.step : 'outcome'
    return { ok: false, step, message: errorText(error) }
  }
}

function mustWork({ trial }: Check, bench: Bench): Promise<string> {
  return tryOut(trial, bench, {
    async granted({ token, expiry }: Granted) {
      await atStep('use', () => bench.holder.prove(token, bench.limits))
      return `a token was issued${expiry === '' ? '' : ` until ${expiry}`}, used and revoked`
    },
    refused(answer: Refused) {
      throw new StepFailure('outcome', `refused, although it must work: ${describeRefusal(answer)}`)
    },
  })
}

function mustBeRefused({ trial, expected }: Check, bench: Bench): Promise<string> {
  return tryOut(trial, bench, {
    granted() {
      throw new StepFailure('outcome', 'a token was issued, although this must be refused')
    },
    refused(answer: Refused) {
      const fault = faultOf(answer, expected)
      if (fault !== undefined) throw new StepFailure('outcome', `${fault}: ${describeRefusal(answer)}`)
      return `refused: ${describeRefusal(answer)}`
    },
  })
}

function faultOf({ code, reason }: Refused, expected: ExpectedRefusal): string | undefined {
  if (expected.reason !== undefined && reason !== expected.reason) return `refused, but not with ${expected.reason}`
  if (expected.code !== undefined && code !== expected.code) return `refused, but not with ${codeName(expected.code)}`
  if (expected.reason !== undefined || expected.code !== undefined || FINAL.has(code)) return undefined
  return 'refused, but not for good'
}

/** A service that is out of order refuses, too, with other codes. */
const FINAL: ReadonlySet<number> = new Set([status.NOT_FOUND, status.PERMISSION_DENIED, status.UNAUTHENTICATED])
