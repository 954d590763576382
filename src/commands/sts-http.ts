import { status } from '@grpc/grpc-js'
import { systemClock } from '../runtime/clock.ts'
import { encode } from '../terms/text.ts'
import { answerOf, REASONS } from '../wire/status.ts'
import { boundedFetch, type CallLimits, type HttpReply, jsonObjectOf, NoAnswer } from './bounded-fetch.ts'
import { type Answer, type Ask, instant, refused } from './sts-answer.ts'

/** One exchange over HTTP: `GET` with a query, or `POST` with a form. Throws a NoAnswer. */
export async function httpExchange(
  base: string,
  { token, scope, identity, cap = [] }: Ask,
  { method, ...limits }: CallLimits & { readonly method: 'GET' | 'POST' },
): Promise<Answer> {
  const fields = new URLSearchParams({ scope, identity })
  for (const each of cap) fields.append('cap', each)
  const headers = { authorization: `Bearer ${token}` }
  const reply =
    method === 'GET'
      ? await boundedFetch(`${base}/sts/exchange?${fields}`, { method, headers }, limits)
      : await boundedFetch(`${base}/sts/exchange`, { method, headers, body: fields }, limits)
  const body = jsonObjectOf(reply.text)
  if (reply.status === 200 && hasText(body, 'token')) {
    return {
      ok: true,
      token: body.token,
      expiry: hasText(body, 'expiry') ? body.expiry : '',
      refreshToken: hasText(body, 'refreshToken') ? body.refreshToken : '',
    }
  }
  const code = body?.['code']
  if (reply.status === 200 || typeof code !== 'number' || code === status.OK || status[code] === undefined)
    throw foreign(reply)
  return refused(code, String(body?.['message']), reasonOfDetails(body?.['details']))
}

function reasonOfDetails(details: unknown): string | undefined {
  if (!Array.isArray(details)) return undefined
  const info: unknown = details.find((each) => hasText(each, '@type') && each['@type'].endsWith('google.rpc.ErrorInfo'))
  return hasText(info, 'reason') ? info.reason : undefined
}

/** RFC 8693 §2.1: the one way in whose answer says what was granted. */
export async function oauthExchange(base: string, ask: Ask, limits: CallLimits): Promise<Answer> {
  const { token, scope, identity, cap = [] } = ask
  const body = new URLSearchParams({
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token: token,
    subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    audience: scope,
    identity,
    ...(cap.length === 0 ? {} : { scope: cap.join(' ') }),
  })
  const reply = await boundedFetch(`${base}/token`, { method: 'POST', body }, limits)
  const answer = jsonObjectOf(reply.text)
  if (reply.status === 200 && hasText(answer, 'access_token')) {
    return {
      ok: true,
      token: answer.access_token,
      expiry: endOf(answer),
      refreshToken: hasText(answer, 'refresh_token') ? answer.refresh_token : '',
      permissions: hasText(answer, 'scope') ? answer.scope.split(' ') : [],
    }
  }
  if (reply.status === 200 || !hasText(answer, 'error')) throw foreign(reply)
  const reason = hasText(answer, 'error_uri') ? answer.error_uri.split('#')[1] : undefined
  const known = REASONS.find((each) => each === reason)
  const code = known === undefined ? status.UNKNOWN : answerOf(known).code
  return refused(code, hasText(answer, 'error_description') ? answer.error_description : answer.error, reason)
}

function endOf(answer: Readonly<Record<string, unknown>>): string {
  const seconds = answer['expires_in']
  if (typeof seconds !== 'number' || seconds > LONGEST_SECONDS) return ''
  return instant(systemClock.now() + seconds * 1000)
}

function foreign({ status: code, text }: HttpReply): NoAnswer {
  const words = text.trim() === '' ? '' : `: ${encode(text.trim(), FOREIGN_LIMIT)}`
  return new NoAnswer(`HTTP ${code}, which is no answer of a token service${code === 200 ? '' : words}`)
}

/** A member that is a text, and not an empty one. */
function hasText<Name extends string>(
  value: unknown,
  name: Name,
): value is Readonly<Record<string, unknown>> & Readonly<Record<Name, string>> {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return false
  const member: unknown = (value as Readonly<Record<string, unknown>>)[name]
  return typeof member === 'string' && member !== ''
}

/** Code points of a page that is none of the service's. */
const FOREIGN_LIMIT = 80
/** More than any token lives; beyond it there may be no such date. */
const LONGEST_SECONDS = 1_000_000_000
