import { open } from 'node:fs/promises'
import { resolve } from 'node:path'
import { quote } from '../terms/text.ts'
import { boundedFetch, type CallLimits, jsonObjectOf, NoAnswer } from './bounded-fetch.ts'
import { errorCode } from './error-text.ts'

/** Where the OIDC token of an exchange comes from. */
export type TokenSource =
  /** Read each time: Kubernetes renews projected tokens in place. */
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'env'; readonly name: string }
  /** A job of GitHub Actions with `id-token: write`. */
  | { readonly kind: 'github_actions'; readonly audience: string }
  /** The metadata server of a Google Cloud machine, for its service account. */
  | { readonly kind: 'google'; readonly audience: string }

export interface TokenNeeds {
  readonly env: (name: string) => string | undefined
  /** What file names are relative to. */
  readonly folder: string
}

/** One token. Throws an Error that says what is missing and what to do, and that holds nothing of a token. */
export async function fetchToken(
  source: TokenSource,
  { env, folder }: TokenNeeds,
  limits: CallLimits,
): Promise<string> {
  switch (source.kind) {
    case 'file':
      return tokenIn(await textOf(resolve(folder, source.path)), `the file ${quote(source.path)}`)
    case 'env': {
      const text = env(source.name)
      if (text === undefined) throw new Error(`the variable ${source.name} is not set: it must hold an OIDC token`)
      return tokenIn(text, `the variable ${source.name}`)
    }
    case 'github_actions':
      return gitHubActionsToken(source.audience, env, limits)
    case 'google':
      return googleToken(source.audience, env, limits)
  }
}

/** The name of an environment variable as a shell can set it. */
export function isVariableName(text: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]{0,127}$/.test(text)
}

/** The runner hands each job an address and a credential for it, when the job may have OIDC tokens. */
async function gitHubActionsToken(audience: string, env: TokenNeeds['env'], limits: CallLimits): Promise<string> {
  const [address, credential] = [env('ACTIONS_ID_TOKEN_REQUEST_URL'), env('ACTIONS_ID_TOKEN_REQUEST_TOKEN')]
  if (address === undefined || credential === undefined || !URL.canParse(address)) {
    throw new Error(
      'ACTIONS_ID_TOKEN_REQUEST_URL and ACTIONS_ID_TOKEN_REQUEST_TOKEN are not set: this must run in a job of GitHub Actions that has "permissions: id-token: write"',
    )
  }
  const url = new URL(address)
  url.searchParams.set('audience', audience)
  const headers = { authorization: `Bearer ${tokenIn(credential, 'ACTIONS_ID_TOKEN_REQUEST_TOKEN')}` }
  const reply = await boundedFetch(url.href, { method: 'GET', headers }, limits)
  const value = jsonObjectOf(reply.text)?.['value']
  if (reply.status !== 200 || typeof value !== 'string')
    throw new NoAnswer(`GitHub Actions answered ${reply.status} to the request for an OIDC token`)
  return tokenIn(value, 'the answer of GitHub Actions')
}

async function googleToken(audience: string, env: TokenNeeds['env'], limits: CallLimits): Promise<string> {
  // Google's own libraries read this variable.
  const host = env('GCE_METADATA_HOST') ?? 'metadata.google.internal'
  const query = new URLSearchParams({ audience, format: 'full' })
  const url = `http://${host}/computeMetadata/v1/instance/service-accounts/default/identity?${query}`
  if (!URL.canParse(url)) throw new Error('GCE_METADATA_HOST must be a host name, with a port or without')
  const reply = await boundedFetch(url, { method: 'GET', headers: { 'metadata-flavor': 'Google' } }, limits)
  if (reply.status !== 200 || reply.headers.get('metadata-flavor') !== 'Google')
    throw new NoAnswer(`the metadata server of Google Cloud answered ${reply.status} to the request for an OIDC token`)
  return tokenIn(reply.text, 'the answer of the metadata server')
}

async function textOf(path: string): Promise<string> {
  try {
    const file = await open(path)
    try {
      const { bytesRead, buffer } = await file.read(Buffer.alloc(READ_LIMIT_BYTES), 0, READ_LIMIT_BYTES)
      return buffer.subarray(0, bytesRead).toString('utf8')
    } finally {
      await file.close()
    }
  } catch (error) {
    throw new Error(`the file ${quote(path)} with the OIDC token cannot be read: ${errorCode(error)}`)
  }
}

/** What a header can carry. Not more is asked of it, because tokens that must be refused are sent, too. */
function tokenIn(text: string, from: string): string {
  const token = text.trim()
  if (token === '') throw new Error(`${from} is empty: it must hold an OIDC token`)
  if (token.length > TOKEN_LIMIT || !/^[\x21-\x7e]+$/.test(token))
    throw new Error(`${from} holds no token: white space, other characters or more than ${TOKEN_LIMIT} of them`)
  return token
}

/** More than the service takes (16 KiB), so that its refusal can be seen. */
const TOKEN_LIMIT = 20_000
const READ_LIMIT_BYTES = TOKEN_LIMIT + 1_000
