import { untilAborted } from '../runtime/single-flight.ts'
import type { Cancellation } from '../terms/cancellation.ts'
import { Denial } from '../terms/denial.ts'
import { isJsonObject } from '../terms/json.ts'
import { type Answer, describe } from './answer.ts'
import type { Call } from './call.ts'
import { isId } from './installation-answer.ts'
import { unreadable } from './known-failures.ts'

export interface AppIdentity {
  readonly id: number
  readonly slug: string
}

/** Asks GitHub who we are: only the App's own key gets an answer. */
export async function proveKey(call: Call, signal: Cancellation): Promise<AppIdentity> {
  signal.throwIfAborted()
  const asking = call({
    route: 'GET /app',
    as: 'app',
    owner: undefined,
    doing: DOING,
    retry: 'safe',
    wanted: () => !signal.aborted,
    maxBytes: ANSWER_LIMIT_BYTES,
  })
  const answer = await untilAborted(asking, signal)
  const { body } = answer
  if (isNoApp(answer)) throw noApp(answer)
  if (answer.status !== 200 || !isJsonObject(body)) throw unreadable(DOING, answer)
  const { id, slug } = body
  if (!isId(id) || typeof slug !== 'string') throw unreadable(DOING, answer)
  return { id, slug }
}

/** In GitHub's words "Integration not found": no App has that id. A proxy's 404 has no such shape. */
function isNoApp({ status, body }: Answer): boolean {
  return status === 404 && isJsonObject(body) && typeof body['message'] === 'string'
}

function noApp(answer: Answer): Denial {
  return new Denial(
    'APP_CREDENTIALS_REFUSED',
    'failed to get token: GitHub knows no App with the id that this service was given; its operator must check it',
    { cause: describe(answer) },
  )
}

const DOING = "proving the App's private key"
const ANSWER_LIMIT_BYTES = 256 * 1024
