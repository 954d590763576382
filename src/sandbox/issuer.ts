import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { CompactSign } from 'jose'
import { systemClock } from '../runtime/clock.ts'
import { githubActionsClaims } from './github-actions-claims.ts'
import { answerFaulty, type IssuerFault } from './issuer-faults.ts'
import { familyOf, generateSandboxKeys, type SandboxKey, type SandboxKeys, signingAlgorithms } from './issuer-keys.ts'

export interface SandboxIssuerOptions {
  /** The time that `iat` and `exp` are counted from; the machine's by default. */
  readonly clock?: { now(): number }
  /** 0, the default, is any free port. */
  readonly port?: number
  /** The host of `url`: a name that resolves to 127.0.0.1, where the server always listens. */
  readonly host?: string
  /** PEM; with it the issuer is https. */
  readonly tls?: { readonly key: string; readonly cert: string }
  /** The `aud` of tokens that are signed without one. */
  readonly audience?: string
  /** To begin with, instead of new ones: making RSA keys takes a while. */
  readonly keys?: SandboxKeys
}

export interface SignOptions {
  /** RS256 by default; `none` leaves the signature empty. */
  readonly alg?: string
  /** Instead of the key's own; null leaves it out. */
  readonly kid?: string | null
  /** Further members of the protected header. */
  readonly header?: Readonly<Record<string, unknown>>
  /** Another key than the published one. */
  readonly key?: Pick<SandboxKey, 'kid' | 'privateKey'> | Uint8Array
}

/** A claims set, or the raw text of a payload when no JSON.stringify would write it. */
export type SandboxClaims = Readonly<Record<string, unknown>> | string

/** A real issuer: it publishes keys by OpenID Connect Discovery and signs with them. */
export interface SandboxIssuer {
  /** The issuer identifier; `${url}/any/path` are issuers with the same keys. */
  readonly url: string
  /** Fills in `iss`, `aud`, `iat` and `exp` (5 minutes) where `claims` has no such member; one that is undefined is left out. */
  sign(claims?: SandboxClaims, options?: SignOptions): Promise<string>
  readonly githubActionsClaims: typeof githubActionsClaims
  /** New keys, from now on signed with; `keepOld` goes on publishing the old ones. */
  rotate(options?: { readonly keepOld?: boolean }): Promise<void>
  /** What the key set holds besides the keys, before them: whatever a test wants to see there. */
  publish(...extraKeys: readonly unknown[]): void
  /** The next answers on `path` (or on every path that ends so) go wrong, `times` of them or until the handle is called. */
  fault(path: string, fault: IssuerFault, times?: number): () => void
  /** How many requests were made for a path (or for paths that end so). */
  requests(path: string): number
  /** The headers of the last request. */
  lastHeaders(): IncomingMessage['headers']
  close(): Promise<void>
}

const DISCOVERY_PATH = '/.well-known/openid-configuration'
const JWKS_PATH = '/jwks'
/** `POST` with a JSON claims set answers `{"token": "…"}`; `?alg=` chooses the algorithm. */
const MINT_PATH = '/sandbox/token'

/** Starts a real OpenID Connect issuer on loopback. Its keys live as long as it does. */
export async function createSandboxIssuer(options: SandboxIssuerOptions = {}): Promise<SandboxIssuer> {
  const { clock = systemClock, port = 0, host = '127.0.0.1', tls, audience = 'octo-sts.test' } = options
  const faults: { readonly path: string; readonly fault: IssuerFault; left: number }[] = []
  const timers = new Set<NodeJS.Timeout>()
  const counts = new Map<string, number>()
  let keys = options.keys ?? (await generateSandboxKeys())
  let published: readonly unknown[] = Object.values(keys).map((key) => key.jwk)
  let extra: readonly unknown[] = []
  let headers: IncomingMessage['headers'] = {}

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { pathname: path, searchParams } = new URL(request.url ?? '/', 'http://sandbox')
    counts.set(path, (counts.get(path) ?? 0) + 1)
    headers = request.headers
    if (path === MINT_PATH) return mintFor(request, response, searchParams.get('alg') ?? 'RS256')
    const document = documentAt(path)
    const fault = faults.find((each) => each.left > 0 && path.endsWith(each.path))
    if (fault !== undefined) {
      fault.left -= 1
      return answerFaulty(fault.fault, { response, path, document: document ?? {}, later })
    }
    sendJson(response, document === undefined ? 404 : 200, document ?? { message: 'Not Found' })
  }

  const documentAt = (path: string): Record<string, unknown> | undefined => {
    if (path.endsWith(JWKS_PATH)) return { keys: [...extra, ...published] }
    if (!path.endsWith(DISCOVERY_PATH)) return undefined
    const issuer = url + path.slice(0, -DISCOVERY_PATH.length)
    return {
      issuer,
      jwks_uri: issuer + JWKS_PATH,
      subject_types_supported: ['public'],
      response_types_supported: ['id_token'],
      id_token_signing_alg_values_supported: signingAlgorithms(),
    }
  }

  const mintFor = async (request: IncomingMessage, response: ServerResponse, alg: string): Promise<void> => {
    if (request.method !== 'POST') return sendJson(response, 405, { message: 'POST a JSON claims set' })
    const claims = jsonObject(await bodyOf(request))
    if (claims === undefined || familyOf(alg) === undefined) {
      return sendJson(response, 400, { message: `the body must be a JSON object, alg one of ${signingAlgorithms()}` })
    }
    sendJson(response, 200, { token: await sign(claims, { alg }) })
  }

  const sign: SandboxIssuer['sign'] = async (claims = {}, { alg = 'RS256', kid, header, key } = {}) => {
    const signer = key ?? keys[familyOf(alg) ?? 'RSA']
    const secret = signer instanceof Uint8Array ? signer : signer.privateKey
    const ownKid = signer instanceof Uint8Array ? undefined : signer.kid
    const named = kid === null ? undefined : (kid ?? ownKid)
    const protectedHeader = { alg, typ: 'JWT', ...(named === undefined ? {} : { kid: named }), ...header }
    const payload = typeof claims === 'string' ? claims : JSON.stringify({ ...registered(), ...claims })
    if (alg === 'none') return `${base64url(JSON.stringify(protectedHeader))}.${base64url(payload)}.`
    return new CompactSign(new TextEncoder().encode(payload))
      .setProtectedHeader(protectedHeader)
      .sign(secret, { crit: knownCritical(header) })
  }

  const registered = (): Record<string, unknown> => {
    const now = Math.floor(clock.now() / 1000)
    return { iss: url, aud: audience, iat: now, exp: now + LIFETIME_SECONDS }
  }

  const later = (ms: number, work: () => void): void => {
    const timer = setTimeout(() => {
      timers.delete(timer)
      work()
    }, ms)
    timers.add(timer)
  }

  const listener: RequestListener = (request, response) => {
    answer(request, response).catch(() => response.destroy())
  }
  const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen({ port, host: '127.0.0.1', exclusive: true }, resolve)
  })
  const url = `${tls === undefined ? 'http' : 'https'}://${host}:${(server.address() as AddressInfo).port}`

  return {
    url,
    sign,
    githubActionsClaims,
    rotate: async ({ keepOld = false } = {}) => {
      keys = await generateSandboxKeys()
      published = [...Object.values(keys).map((key) => key.jwk), ...(keepOld ? published : [])]
    },
    publish: (...extraKeys) => {
      extra = extraKeys
    },
    fault: (path, fault, times = Number.POSITIVE_INFINITY) => {
      const entry = { path, fault, left: times }
      faults.push(entry)
      return () => {
        entry.left = 0
      }
    },
    requests: (path) => [...counts].reduce((sum, [each, count]) => (each.endsWith(path) ? sum + count : sum), 0),
    lastHeaders: () => headers,
    close: async () => {
      for (const timer of timers) clearTimeout(timer)
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
    },
  }
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > BODY_LIMIT_BYTES) throw new RangeError('the claims set is too large')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function jsonObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text === '' ? '{}' : text)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}

/** jose signs a `crit` header only when told that its extensions are understood. */
function knownCritical(header: SignOptions['header']): Record<string, boolean> {
  const names: unknown = header?.['crit']
  return Array.isArray(names) ? Object.fromEntries(names.map((name) => [String(name), true])) : {}
}

function base64url(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64url')
}

/** GitHub's tokens live this long. */
const LIFETIME_SECONDS = 300
const BODY_LIMIT_BYTES = 65_536
