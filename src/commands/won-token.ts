import { setTimeout } from 'node:timers/promises'
import { encode } from '../terms/text.ts'
import {
  boundedFetch,
  type CallLimits,
  type HttpReply,
  jsonObjectOf,
  MESSAGE_LIMIT,
  NoAnswer,
} from './bounded-fetch.ts'

/** GitHub's REST API, as the holder of an installation token meets it. */
export interface TokenHolder {
  /** One call, which fails unless GitHub takes the token. */
  prove(token: string, limits: CallLimits): Promise<void>
  /** Full names of all repositories that the token reaches. */
  repositories(token: string, limits: CallLimits): Promise<readonly string[]>
  revoke(token: string, limits: CallLimits): Promise<void>
}

export interface TokenHolderNeeds {
  /** `https://api.github.com`, without a trailing slash. */
  readonly gitHubUrl: string
  /** Before each further try with a token that GitHub does not know: a fresh one may take seconds to be known everywhere. */
  readonly pausesMs?: readonly number[]
}

/** The promises of the result reject with a NoAnswer, or an Error with what GitHub said. */
export function createTokenHolder({ gitHubUrl, pausesMs = [1_000, 2_000] }: TokenHolderNeeds): TokenHolder {
  const get = async (path: string, token: string, limits: CallLimits): Promise<HttpReply> => {
    let reply = await boundedFetch(`${gitHubUrl}${path}`, { method: 'GET', headers: headersFor(token) }, limits)
    for (const pauseMs of pausesMs) {
      if (reply.status !== 401) break
      await setTimeout(pauseMs, undefined, { signal: limits.stop })
      reply = await boundedFetch(`${gitHubUrl}${path}`, { method: 'GET', headers: headersFor(token) }, limits)
    }
    if (reply.status !== 200) throw new Error(saying(reply, `the use of the token (GET ${path})`))
    return reply
  }
  return {
    async prove(token, limits) {
      repositoriesIn(await get('/installation/repositories?per_page=1', token, limits))
    },
    async repositories(token, limits) {
      const names: string[] = []
      for (let page = 1; page <= MOST_PAGES; page += 1) {
        const reply = await get(`/installation/repositories?per_page=${PAGE}&page=${page}`, token, limits)
        const { total, repositories } = repositoriesIn(reply)
        names.push(...repositories)
        if (names.length >= total || repositories.length === 0) return names
      }
      throw new Error(`the token reaches more than ${MOST_PAGES * PAGE} repositories, which are not listed here`)
    },
    async revoke(token, limits) {
      const url = `${gitHubUrl}/installation/token`
      const reply = await boundedFetch(url, { method: 'DELETE', headers: headersFor(token) }, limits)
      if (reply.status !== 204) throw new Error(saying(reply, 'the revocation'))
    },
  }
}

function repositoriesIn({ text }: HttpReply): { readonly total: number; readonly repositories: readonly string[] } {
  const body = jsonObjectOf(text)
  const [total, list] = [body?.['total_count'], body?.['repositories']]
  if (typeof total !== 'number' || !Array.isArray(list))
    throw new NoAnswer('what answered to the use of the token is not GitHub: check the address of its API')
  const repositories = list.map((each: unknown) =>
    typeof each === 'object' && each !== null && 'full_name' in each ? String(each.full_name) : '',
  )
  return { total, repositories }
}

function saying({ status, text }: HttpReply, what: string): string {
  const message = jsonObjectOf(text)?.['message']
  const words = typeof message === 'string' ? `: ${encode(message, MESSAGE_LIMIT)}` : ''
  return `GitHub answered ${status} to ${what}${words}`
}

function headersFor(token: string): Record<string, string> {
  return {
    authorization: `Bearer ${token}`,
    accept: 'application/vnd.github+json',
    'x-github-api-version': '2022-11-28',
  }
}

const PAGE = 100
/** Ten times what a token can be narrowed to. */
const MOST_PAGES = 50
