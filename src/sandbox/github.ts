import { createPublicKey, generateKeyPair } from 'node:crypto'
import { promisify } from 'node:util'
import { systemClock } from '../runtime/clock.ts'
import { createFaults, type Fault, type FaultHandle, type FaultTarget } from './faults.ts'
import { type Call, type GitHubServer, listen, type Observation } from './github-server.ts'
import { createState, type GitHubState } from './github-state.ts'
import { createTokenOffice, type IssuedToken, type TokenForm } from './installation-tokens.ts'

export interface SandboxGitHubOptions {
  /** What tokens, App JWTs and limits are measured by. */
  readonly clock?: { now(): number }
  /** Any free port when absent. */
  readonly port?: number
  /** PEM texts; plain HTTP when absent. */
  readonly tls?: { readonly cert: string; readonly key: string }
  readonly app?: { readonly id?: number; readonly slug?: string; readonly privateKeyPem?: string }
  readonly tokenForm?: TokenForm
  /** Requests an hour for each installation and for the App; more than any test or demonstration makes when absent. */
  readonly quotaPerHour?: number
  /** `/api/v3` is where GitHub Enterprise Server has its API. */
  readonly basePath?: string
}

/** An embedded GitHub: its world can be changed, its answers spoiled, and every request it got is on record. */
export interface SandboxGitHub extends GitHubState {
  /** The API's root, without a trailing slash. */
  readonly url: string
  /** The App that is registered here, with the private key its owner would have downloaded (PKCS#1 PEM). */
  readonly app: {
    readonly id: number
    readonly slug: string
    readonly clientId: string
    readonly privateKeyPem: string
  }
  /** Every request since the start, or since `forgetCalls`, in order of arrival. */
  readonly calls: readonly Call[]
  forgetCalls(): void
  /** Every token ever issued, by its text. */
  readonly tokens: ReadonlyMap<string, IssuedToken>
  /** Spoils the answers to the requests that the target describes, until it is used up or cleared. */
  fault(target: FaultTarget, fault: Fault): FaultHandle
  /** Calls the listener with each request and its answer; the result ends that. */
  observe(listener: (observation: Observation) => void): () => void
  close(): Promise<void>
}

/** Starts an embedded GitHub on a loopback port: a real HTTP server that really checks what it is sent. */
export async function createSandboxGitHub(options: SandboxGitHubOptions = {}): Promise<SandboxGitHub> {
  const now = () => (options.clock ?? systemClock).now()
  const privateKeyPem = options.app?.privateKeyPem ?? (await generatePrivateKey())
  const id = options.app?.id ?? 424_242
  const app = { id, slug: options.app?.slug ?? 'octo-sts', clientId: `Iv23li${id}`, privateKeyPem }
  const state = createState(now)
  const faults = createFaults()
  const office = createTokenOffice(state, { appId: id, now })
  const server: GitHubServer = await listen({
    state,
    office,
    faults,
    app: { ...app, publicKey: createPublicKey(privateKeyPem) },
    now,
    tokenForm: options.tokenForm ?? 'opaque',
    quotaPerHour: options.quotaPerHour ?? 1_000_000,
    port: options.port ?? 0,
    tls: options.tls,
    basePath: options.basePath ?? '',
  })
  return { ...state, app, tokens: office.tokens, fault: faults.add, ...server }
}

async function generatePrivateKey(): Promise<string> {
  const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 })
  return privateKey.export({ type: 'pkcs1', format: 'pem' }).toString()
}
