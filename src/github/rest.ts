import { App } from '@octokit/app'
import { Octokit } from '@octokit/core'
import type { CallReport } from '../exchange/reports.ts'
import type { Logger } from '../runtime/log.ts'
import { CLIENT, type Span, type Tracer } from '../terms/tracer.ts'
import { type Answer, parsed } from './answer.ts'
import type { AppJwt } from './app-jwt.ts'
import { API_HEADERS, createDirectSend, type Direct } from './direct-send.ts'
import { NoAnswer } from './no-answer.ts'
import { createPoolFetch, type FetchedAnswer, type FetchInit } from './pool-fetch.ts'
import { type QuotaBook, type QuotaReading, readingOf } from './quota-book.ts'

/** One request. `route` is a template: parameters that it names are put into the path, the others into the body or query. */
export interface RestRequest {
  readonly route: string
  readonly parameters?: Readonly<Record<string, unknown>>
  readonly headers?: Readonly<Record<string, string>>
  /** How it goes out past Octokit, as the App; `parameters` and `headers` then do not count. */
  readonly direct?: Direct
  /** `app`: with the App's JWT, which Octokit's App authentication adds. */
  readonly as: 'app' | { readonly token: string; readonly installationId?: number }
  readonly maxBytes: number
}

export interface Rest {
  /** One request, one try, at most `callLimitMs`. Throws NoAnswer and nothing else that GitHub could cause. */
  send(request: RestRequest): Promise<Answer>
  close(): Promise<void>
}

export interface RestOptions {
  readonly baseUrl: string
  readonly appId: number
  readonly appJwt: AppJwt
  readonly userAgent: string
  readonly callLimitMs: number
  /** Of its pool, at most; absent: as many as an exchange server can use. */
  readonly connections?: number
  readonly log: Logger
  readonly tracer: Tracer
  readonly now: () => number
  readonly monotonic: () => number
  readonly quota: QuotaBook
  readonly onCall: (report: CallReport) => void
}

/**
 * GitHub's REST API through Octokit. Installation tokens are never asked of Octokit's own authentication: it shares them
 * between callers, and one of those would revoke what the other still uses.
 */
export function createRest(options: RestOptions): Rest {
  const { appId, appJwt, userAgent, callLimitMs, log, tracer, monotonic, onCall } = options
  const baseUrl = options.baseUrl.replace(/\/+$/, '')
  const pool = createPoolFetch(baseUrl, callLimitMs, options.connections)
  const common = { baseUrl, userAgent, log: octokitLog(log) }
  const createJwt = (_id: number | string, skewSeconds?: number) => appJwt.get(skewSeconds)
  // The App insists on a private key and would sign a JWT for each call: its client gets the cached one instead, which
  // may as well come from a key that nobody can hold.
  class AppOctokit extends Octokit {
    constructor(given?: ConstructorParameters<typeof Octokit>[0]) {
      super({ ...given, ...common, auth: { appId, createJwt } })
    }
  }
  const { octokit: asApp } = new App({ appId, privateKey: 'unused', Octokit: AppOctokit, log: common.log })
  const asInstallation = new Octokit(common)
  const sendDirect = createDirectSend({ ...options, pool })

  /** Templates are a closed set: each is taken apart once. */
  const parts = new Map<string, { readonly method: string; readonly route: string }>()
  const partsOf = (template: string) => {
    const known = parts.get(template)
    if (known !== undefined) return known
    const [method = '', route = ''] = template.split(' ')
    parts.set(template, { method, route })
    return { method, route }
  }

  const exchange = async ({ route, parameters, headers, as, maxBytes }: RestRequest): Promise<Answer> => {
    const send = async (url: string, init: FetchInit, span: Span) => {
      const answer = await pool.fetch(url, init, { ms: callLimitMs, maxBytes })
      span.set('http.response.status_code', answer.status)
      return answer
    }
    const heard: { answer?: FetchedAnswer; failure?: unknown } = {}
    const fetch = async (url: string, init: FetchInit) => {
      delete heard.answer
      try {
        heard.answer = await tracer.span(`GitHub ${route}`, (span) => send(url, init, span), CLIENT)
        return heard.answer
      } catch (error) {
        heard.failure = error
        throw error
      }
    }
    const authorization = as === 'app' ? {} : { authorization: `Bearer ${as.token}` }
    try {
      await (as === 'app' ? asApp : asInstallation).request(route, {
        ...parameters,
        headers: { ...API_HEADERS, ...headers, ...authorization },
        request: { fetch },
      })
    } catch (error) {
      // Octokit throws on 304 and from 400 on; here those are answers like others, and what was heard tells them apart.
      if (heard.answer === undefined) throw heard.failure ?? error
    }
    if (heard.answer === undefined) throw new NoAnswer('unreached', 'Octokit made no request')
    const { status, headers: answered } = heard.answer
    return { status, headers: Object.fromEntries(answered), body: parsed(await heard.answer.text()) }
  }

  return {
    send(request) {
      const begin = monotonic()
      const { direct, as } = request
      const installationId = as === 'app' ? undefined : as.installationId
      const report = (status: number | undefined, quota: QuotaReading | undefined) => {
        const { method, route } = partsOf(request.route)
        onCall({ method, route, status, durationMs: monotonic() - begin, appId, installationId, quota })
      }
      const noted = (answer: Answer): Answer => {
        // A token of which only its text is known may be of any App's.
        const quota = as === 'app' || installationId !== undefined ? readingOf(answer) : undefined
        if (quota !== undefined) options.quota.note({ appId, installationId }, quota)
        report(answer.status, quota)
        return answer
      }
      return (direct === undefined ? exchange(request) : sendDirect(request, direct)).then(noted, (error: unknown) => {
        report(undefined, undefined)
        throw error
      })
    },
    close: () => pool.close(),
  }
}

function octokitLog(log: Logger) {
  const line = (message: string) => log.debug({ from: 'octokit' }, message)
  return { debug: line, info: line, warn: line, error: line }
}
