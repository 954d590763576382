import type { Clock } from '../exchange/ports.ts'
import { nameKey } from '../terms/scope.ts'
import { errorText } from './error-text.ts'
import type { PlannedExchange } from './smoketest-file.ts'
import { codeName, describeRefusal, type Granted, type Refused } from './sts-answer.ts'
import { atStep, type Bench, type Step, StepFailure, tryOut } from './trial.ts'

/** What came of one exchange of the list. */
export interface ExchangeResult {
  readonly name: string
  readonly protocol: string
  readonly scope: string
  readonly identity: string
  readonly ok: boolean
  /** Where it went otherwise than expected. */
  readonly step?: Step
  /** What happened, in words. No token is in it. */
  readonly message: string
  readonly durationMs: number
}

/** Never rejects: whatever happens is the result. */
export async function runExchange(exchange: PlannedExchange, bench: Bench, clock: Clock): Promise<ExchangeResult> {
  const { name, protocol, scope, identity } = exchange
  const began = clock.monotonic()
  const outcome = await outcomeOf(exchange, bench)
  return { name, protocol, scope, identity, ...outcome, durationMs: Math.round(clock.monotonic() - began) }
}

async function outcomeOf(
  exchange: PlannedExchange,
  bench: Bench,
): Promise<Pick<ExchangeResult, 'ok' | 'step' | 'message'>> {
  try {
    const message = await tryOut(exchange, bench, {
      granted: (answer) => judgeToken(answer, exchange, bench),
      refused: (answer) => judgeRefusal(answer, exchange),
    })
    return { ok: true, message }
  } catch (error) {
    const step = error instanceof StepFailure ? error.step : 'outcome'
    return { ok: false, step, message: errorText(error) }
  }
}

async function judgeToken(answer: Granted, { expect }: PlannedExchange, bench: Bench): Promise<string> {
  if (expect.kind === 'refusal') {
    const wanted = [expect.code === undefined ? undefined : codeName(expect.code), expect.reason]
    const words = wanted.filter((word) => word !== undefined).join(' ')
    throw new StepFailure('outcome', `a token was issued, instead of the refusal ${words}`)
  }
  if (expect.permissions !== undefined) comparePermissions(answer.permissions ?? [], expect.permissions)
  const { holder, limits } = bench
  const { token } = answer
  if (expect.repositories === undefined) {
    await atStep('use', () => holder.prove(token, limits))
  } else {
    compareRepositories(await atStep('use', () => holder.repositories(token, limits)), expect.repositories)
  }
  return `a token was issued${answer.expiry === '' ? '' : ` until ${answer.expiry}`}, used and revoked`
}

function judgeRefusal(answer: Refused, { expect }: PlannedExchange): string {
  const said = describeRefusal(answer)
  if (expect.kind === 'token') throw new StepFailure('outcome', `refused, instead of a token: ${said}`)
  if (expect.reason !== undefined && answer.reason !== expect.reason)
    throw new StepFailure('outcome', `refused, but not with ${expect.reason}: ${said}`)
  if (expect.code !== undefined && answer.code !== expect.code)
    throw new StepFailure('outcome', `refused, but not with ${codeName(expect.code)}: ${said}`)
  return `refused: ${said}`
}

/** GitHub adds `metadata:read` to every token. */
function comparePermissions(granted: readonly string[], expected: readonly string[]): void {
  const relevant = granted.filter((each) => each !== METADATA || expected.includes(each))
  const difference = differenceOf(relevant, expected)
  if (difference !== undefined) throw new StepFailure('outcome', `the token's permissions differ: ${difference}`)
}

function compareRepositories(reached: readonly string[], expected: readonly string[]): void {
  const difference = differenceOf(reached.map(nameKey), expected.map(nameKey))
  if (difference !== undefined) throw new StepFailure('outcome', `the token's repositories differ: ${difference}`)
}

function differenceOf(found: readonly string[], expected: readonly string[]): string | undefined {
  const missing = expected.filter((each) => !found.includes(each))
  const extra = found.filter((each) => !expected.includes(each))
  const parts = [
    ...(missing.length === 0 ? [] : [`without ${some(missing)}`]),
    ...(extra.length === 0 ? [] : [`with ${some(extra)} besides`]),
  ]
  return parts.length === 0 ? undefined : parts.join(', ')
}

function some(names: readonly string[]): string {
  const rest = names.length - NAMES_SHOWN
  return `${names.slice(0, NAMES_SHOWN).join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`
}

const METADATA = 'metadata:read'
const NAMES_SHOWN = 10
