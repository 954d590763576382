import { readFile } from 'node:fs/promises'
import { Agent, type Dispatcher } from 'undici'
import { isJsonObject } from '../terms/json.ts'
import type { VaultSettings } from '../terms/vault-settings.ts'
import type { ClientOptions } from './key-client.ts'
import { describeError, KeyFault } from './key-fault.ts'
import { createVaultLogin } from './vault-login.ts'

/** HashiCorp Vault and OpenBao by their HTTP API; there is no official client for Node.js. */
export interface VaultClient {
  /** The `data` of the answer, in one try. Throws a KeyFault; with `status` where the server answered. */
  call(request: VaultCall, signal: AbortSignal): Promise<Readonly<Record<string, unknown>>>
  close(): Promise<void>
}

export interface VaultCall {
  readonly method: 'GET' | 'POST'
  /** Behind `/v1/`, with slashes. */
  readonly path: string
  readonly body?: Readonly<Record<string, unknown>>
}

/** Sends one request and reads the answer; `token` undefined: without one, to log in. */
export type VaultSend = (
  call: VaultCall,
  token: string | undefined,
  signal: AbortSignal,
) => Promise<Readonly<Record<string, unknown>>>

/** Vault answered, and not with a 2xx. */
export class VaultRefusal extends KeyFault {
  readonly status: number

  constructor(status: number, message: string) {
    super(isPassing(status) ? 'unavailable' : 'refused', message)
    this.status = status
  }
}

/** Throws an Error where `VAULT_ADDR` or `VAULT_CACERT` can not be used. */
export async function openVault({ vault, neededBy, monotonic }: ClientOptions): Promise<VaultClient> {
  if (vault === undefined)
    throw new Error(`${neededBy} needs VAULT_ADDR, and VAULT_TOKEN_FILE, VAULT_TOKEN or VAULT_ROLE`)
  const base = baseOf(vault.address)
  const agent = new Agent({
    connect: { timeout: CONNECT_MS, ...(await trusted(vault)) },
    headersTimeout: ANSWER_MS,
    bodyTimeout: ANSWER_MS,
    maxResponseSize: ANSWER_LIMIT_BYTES,
  })
  const send = createSend({ base, namespace: vault.namespace, agent })
  const login = createVaultLogin(vault.login, { send, monotonic })
  return {
    async call(call, signal) {
      try {
        return await send(call, await login.token(signal), signal)
      } catch (error) {
        // A token that was revoked, or a server that was set up anew: the next one may do.
        if (!(error instanceof VaultRefusal) || error.status !== 403 || !login.forget()) throw error
        return await send(call, await login.token(signal), signal)
      }
    },
    close: () => agent.destroy(),
  }
}

function createSend(to: { base: string; namespace: string | undefined; agent: Agent }): VaultSend {
  return async ({ method, path, body }, token, signal) => {
    const { origin, pathname } = new URL(`${to.base}/v1/${encodedPath(path)}`)
    const answer = await fetched(to.agent, {
      origin,
      path: pathname,
      method,
      signal,
      headers: {
        accept: 'application/json',
        'x-vault-request': 'true',
        ...(to.namespace === undefined ? {} : { 'x-vault-namespace': to.namespace }),
        ...(token === undefined ? {} : { 'x-vault-token': token }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const document = parsed(answer.text)
    if (answer.status !== 200) throw new VaultRefusal(answer.status, refusalText(answer.status, document))
    if (document === undefined) throw new KeyFault('unavailable', 'Vault: an answer that is no JSON object')
    return document
  }
}

async function fetched(
  agent: Agent,
  options: Dispatcher.RequestOptions,
): Promise<{ readonly status: number; readonly text: string }> {
  try {
    const { statusCode, body } = await agent.request(options)
    return { status: statusCode, text: await body.text() }
  } catch (error) {
    throw new KeyFault('unavailable', `Vault: ${describeError(error)}`)
  }
}

function refusalText(status: number, document: Readonly<Record<string, unknown>> | undefined): string {
  if (status >= 300 && status < 400)
    return `Vault: status ${status}: it redirects, which is not followed; VAULT_ADDR must be the address of the active server`
  const errors = document?.['errors']
  const said = Array.isArray(errors) ? errors.filter((each) => typeof each === 'string').join('; ') : ''
  return `Vault: status ${status}${said === '' ? '' : `: ${describeError(new Error(said))}`}`
}

/** 412: a standby has not seen a write yet. 472 and 473: a standby; 429 may be one too, or a quota. */
function isPassing(status: number): boolean {
  return status >= 500 || status < 300 || [408, 412, 429, 472, 473].includes(status)
}

function parsed(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isJsonObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

function baseOf(address: string): string {
  if (!URL.canParse(address)) throw new Error('VAULT_ADDR must be a URL: https://vault.example.com:8200')
  const url = new URL(address)
  const isHere = LOOPBACK.has(url.hostname)
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isHere))
    throw new Error('VAULT_ADDR must be https: the token would travel in plain text (http is for this machine itself)')
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '')
    throw new Error('VAULT_ADDR must be a host and nothing more: https://vault.example.com:8200')
  return `${url.origin}${url.pathname}`.replace(/\/+$/, '')
}

/** A name must stay where it stands: `..` in it would lead to another path of the API. */
export function encodedPath(path: string): string {
  const segments = path.split('/')
  if (segments.some((segment) => segment === '' || segment === '.' || segment === '..'))
    throw new KeyFault('refused', `Vault has no path ${JSON.stringify(path)}`)
  return segments.map(encodeURIComponent).join('/')
}

async function trusted({ caFile }: VaultSettings): Promise<{ ca?: string }> {
  if (caFile === undefined) return {}
  try {
    return { ca: await readFile(caFile, 'utf8') }
  } catch (error) {
    throw new Error(`VAULT_CACERT names a file that cannot be read: ${describeError(error)}`)
  }
}

const LOOPBACK: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]'])
const CONNECT_MS = 2_000
/** Above all patience of ours: whoever calls has given up by then. */
const ANSWER_MS = 10_000
const ANSWER_LIMIT_BYTES = 256 * 1024
