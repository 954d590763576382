import type { Fault } from './faults.ts'
import type { Answer } from './github-answer.ts'
import { quotaHeaders } from './quota.ts'

/** True when the request takes effect although its answer is spoiled. */
export function takesEffect(fault: Fault | undefined): boolean {
  switch (fault?.kind) {
    case 'answer':
    case 'hang':
    case 'reset':
      return fault.processed === true
    case 'primary-rate-limit':
    case 'secondary-rate-limit':
    case 'html':
    case 'huge-body':
    case 'redirect':
      return false
    default:
      return true
  }
}

/** The answer after the fault. `answer` is what GitHub would have said, or undefined when the request had no effect. */
export function spoil(fault: Fault | undefined, answer: Answer, nowMs: number): Answer {
  switch (fault?.kind) {
    case 'answer':
      return given(fault)
    case 'primary-rate-limit': {
      const reset = Math.ceil(nowMs / 1000) + (fault.resetInSeconds ?? 60)
      const headers = quotaHeaders({ limit: 5000, remaining: 0, used: 5000, reset })
      const message =
        'API rate limit exceeded for installation. If you reach out to GitHub Support for help, please include the request ID.'
      return { status: fault.status ?? 403, headers, body: { message, documentation_url: LIMITS } }
    }
    case 'secondary-rate-limit': {
      const headers = { 'retry-after': String(fault.retryAfterSeconds ?? 60) }
      const message = 'You have exceeded a secondary rate limit. Please wait a few minutes before you try again.'
      return { status: fault.status ?? 403, headers, body: { message, documentation_url: LIMITS } }
    }
    case 'html':
      return given({
        status: 200,
        body: '<!DOCTYPE html><title>Unicorn!</title>',
        headers: { 'content-type': 'text/html' },
      })
    case 'huge-body':
      return { status: 200, body: { padding: 'x'.repeat(fault.bytes) } }
    case 'redirect':
      return {
        status: fault.status ?? 301,
        headers: { location: fault.location },
        body: { message: 'Moved Permanently', url: fault.location },
      }
    case 'truncated-json': {
      const whole = Buffer.from(JSON.stringify(answer.body ?? null))
      return { ...answer, bytes: whole.subarray(0, Math.floor(whole.length / 2)) }
    }
    case 'wider-token':
      return { ...answer, body: widened(answer.body, fault) }
    default:
      return answer
  }
}

const LIMITS = 'https://docs.github.com/rest/overview/rate-limits-for-the-rest-api'

function given({
  status,
  body,
  headers,
}: Pick<Extract<Fault, { kind: 'answer' }>, 'status' | 'body' | 'headers'>): Answer {
  const content = typeof body === 'string' ? { bytes: Buffer.from(body) } : body === undefined ? {} : { body }
  return { status, ...content, ...(headers === undefined ? {} : { headers }) }
}

function widened(body: unknown, fault: Extract<Fault, { kind: 'wider-token' }>): unknown {
  if (typeof body !== 'object' || body === null || !('token' in body)) return body
  const permissions = 'permissions' in body && typeof body.permissions === 'object' ? body.permissions : {}
  const repositories = 'repositories' in body && Array.isArray(body.repositories) ? body.repositories : []
  const [model] = repositories
  const more = (fault.repositories ?? []).map((name) => ({
    ...model,
    id: -name.length,
    name,
    full_name: `other/${name}`,
  }))
  return {
    ...body,
    permissions: { ...permissions, ...fault.permissions },
    ...(more.length === 0 ? {} : { repositories: [...repositories, ...more] }),
    ...(fault.repositorySelection === undefined ? {} : { repository_selection: fault.repositorySelection }),
  }
}
