import type { Logger } from '../runtime/log.ts'
import { createSingleFlight } from '../runtime/single-flight.ts'
import { encode } from '../terms/text.ts'

/** The `authorization` that the event sink wants, or undefined for none. Rejects when it could not be had in time. */
export type SinkIdentity = () => Promise<string | undefined>

export interface GoogleIdentityOptions {
  /** `EVENT_INGRESS_URI`. */
  readonly sink: string
  /** `EVENT_INGRESS_AUTH`; `auto` is for Google's own hosts, where this process has Google credentials. */
  readonly auth: 'auto' | 'google' | 'none'
  readonly log: Logger
  /** Milliseconds, never stepping back. */
  readonly monotonic: () => number
}

type Library = Pick<typeof import('google-auth-library'), 'GoogleAuth'>

/**
 * A Google ID token for the sink, as Cloud Run and Cloud Functions want it: from the metadata server, or the credentials
 * that `GOOGLE_APPLICATION_CREDENTIALS` names, by Google's own library, which keeps it until minutes before its end.
 * Undefined where the sink is to get none. Rejects when one is demanded and the library is not installed.
 */
export async function createGoogleIdentity(
  { sink, auth, log, monotonic }: GoogleIdentityOptions,
  load: () => Promise<Library> = () => import('google-auth-library'),
): Promise<SinkIdentity | undefined> {
  const url = new URL(sink)
  // A token must not travel in the clear.
  if (auth === 'none' || url.protocol !== 'https:' || (auth === 'auto' && !isGoogleHost(url))) return undefined
  const library = await load().catch((cause: unknown) => {
    if (auth === 'google') throw new Error(`EVENT_INGRESS_AUTH is google, and ${NOT_INSTALLED}`, { cause })
    log.warn({ sink: url.origin }, `events are sent without an identity, as ${NOT_INSTALLED}`)
    return undefined
  })
  if (library === undefined) return undefined

  const { GoogleAuth } = library
  const clientOf = () => new GoogleAuth().getIdTokenClient(audienceOf(url))
  const flights = createSingleFlight<string | undefined>()
  let client: Awaited<ReturnType<typeof clientOf>> | undefined
  let lookAgainAt = Number.NEGATIVE_INFINITY

  async function authorization(): Promise<string | undefined> {
    if (client === undefined && monotonic() < lookAgainAt) return undefined
    try {
      client ??= await clientOf()
    } catch (cause) {
      if (auth === 'google') throw noToken(cause)
      // Not on Google Cloud: the sink may well be open to everybody.
      log.warn({ sink: url.origin, cause: textOf(cause) }, 'events are sent without an identity: no Google credentials')
      lookAgainAt = monotonic() + LOOK_AGAIN_MS
      return undefined
    }
    const headers = await client.getRequestHeaders().catch((cause: unknown) => {
      throw noToken(cause)
    })
    return headers.get('authorization') ?? undefined
  }

  return () => flights.run('', AbortSignal.timeout(TOKEN_LIMIT_MS), authorization)
}

function isGoogleHost({ hostname }: URL): boolean {
  return hostname.endsWith('.run.app') || hostname.endsWith(FUNCTIONS)
}

/** Cloud Run knows its service by the origin, also as a custom audience; a function of the first generation by its URL. */
function audienceOf({ origin, hostname, pathname }: URL): string {
  return hostname.endsWith(FUNCTIONS) ? origin + pathname : origin
}

function noToken(cause: unknown): Error {
  return new Error(`no Google ID token for the event sink: ${textOf(cause)}`, { cause })
}

function textOf(cause: unknown): string {
  return encode(cause instanceof Error ? cause.message : 'unknown', TEXT_LIMIT)
}

const FUNCTIONS = '.cloudfunctions.net'
const NOT_INSTALLED = 'the package of Google is not installed: npm install google-auth-library'
/** As long as one try of a delivery. */
const TOKEN_LIMIT_MS = 5_000
/** Between two looks for credentials that were not there. */
const LOOK_AGAIN_MS = 60_000
const TEXT_LIMIT = 200
