import { generateKeyPairSync, sign } from 'node:crypto'
import type { SandboxApp } from '../../src/sandbox/apps.ts'
import type { SandboxGitHub } from '../../src/sandbox/github.ts'

/** A plain client of the embedded GitHub: no retries, no redirects followed. */
export interface GitHubClient {
  send(method: string, path: string, options?: RequestOptions): Promise<Reply>
  /** A fresh App JWT; claims given here replace the right ones. */
  appJwt(claims?: Readonly<Record<string, unknown>>): string
  /** Mints, and answers the token. */
  mint(installationId: number, body?: unknown): Promise<string>
}

export interface RequestOptions {
  /** Sent as `Bearer`. */
  readonly bearer?: string
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

export interface Reply {
  readonly status: number
  readonly headers: Headers
  /** Parsed, or the text where it is no JSON. */
  readonly body: unknown
}

/** `app` is the App whose JWTs it sends, the first when not given. */
export function createGitHubClient(
  github: SandboxGitHub,
  nowMs: () => number = Date.now,
  app: SandboxApp = github.app,
): GitHubClient {
  const send: GitHubClient['send'] = async (method, path, { bearer, body, headers } = {}) => {
    const response = await fetch(`${github.url}${path}`, {
      method,
      redirect: 'manual',
      headers: { ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }), ...headers },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    const text = await response.text()
    return { status: response.status, headers: response.headers, body: parse(text) }
  }
  const appJwt: GitHubClient['appJwt'] = (claims = {}) => {
    const now = Math.floor(nowMs() / 1000)
    return signAppJwt({ iss: app.id, iat: now - 60, exp: now + 540, ...claims }, app.privateKeyPem)
  }
  return {
    send,
    appJwt,
    async mint(installationId, body) {
      const reply = await send('POST', `/app/installations/${installationId}/access_tokens`, {
        bearer: appJwt(),
        ...(body === undefined ? {} : { body }),
      })
      if (reply.status !== 201) throw new Error(`the sandbox answered ${reply.status} to a mint`)
      return String(member(reply.body, 'token'))
    },
  }
}

/** An RS256 JWT over the claims; `header` replaces the right one. */
export function signAppJwt(
  claims: unknown,
  privateKeyPem: string,
  header: unknown = { alg: 'RS256', typ: 'JWT' },
): string {
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const input = `${encode(header)}.${encode(claims)}`
  return `${input}.${sign('sha256', Buffer.from(input), privateKeyPem).toString('base64url')}`
}

/** A new App key, PKCS#1 PEM: making one takes up to a second, so tests that start many sandboxes share theirs. */
export function rsaKeyPem(): string {
  return generateKeyPairSync('rsa', { modulusLength: 2048 })
    .privateKey.export({ type: 'pkcs1', format: 'pem' })
    .toString()
}

/** A member of a JSON object; undefined where there is none. */
export function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined
}

function parse(text: string): unknown {
  try {
    return text === '' ? undefined : JSON.parse(text)
  } catch {
    return text
  }
}
