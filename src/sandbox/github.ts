import { systemClock } from '../runtime/clock.ts'
import { type AppOptions, createApps, type SandboxApp, type Webhook } from './apps.ts'
import { type CheckRun, createChecks } from './check-runs.ts'
import { createFaults, type Fault, type FaultHandle, type FaultTarget } from './faults.ts'
import { type Call, type GitHubServer, listen, type Observation } from './github-server.ts'
import { createState, type GitHubState } from './github-state.ts'
import { createTokenOffice, type IssuedToken, type TokenForm } from './installation-tokens.ts'
import { gitHubLimits, type Limits } from './limits.ts'
import { createQuota, type QuotaOwner, quotaKey } from './quota.ts'
import { type DeliveryOptions, type DeliveryResult, deliverEvent } from './webhook-delivery.ts'
import { createPayloads, type Payloads } from './webhook-payloads.ts'

export interface SandboxGitHubOptions {
  /** What tokens, App JWTs and limits are measured by. */
  readonly clock?: { now(): number }
  /** Any free port when absent. */
  readonly port?: number
  /** PEM texts; plain HTTP when absent. */
  readonly tls?: { readonly cert: string; readonly key: string }
  /** The first App. */
  readonly app?: AppOptions
  readonly tokenForm?: TokenForm
  /** Requests an hour for each installation and for each App; more than any test or demonstration makes when absent. */
  readonly quotaPerHour?: number
  /** `/api/v3` is where GitHub Enterprise Server has its API. */
  readonly basePath?: string
}

/** An embedded GitHub: its world can be changed, its answers spoiled, and every request it got is on record. */
export interface SandboxGitHub extends Omit<GitHubState, 'newId'> {
  /** The API's root, without a trailing slash. */
  readonly url: string
  /** The first App that is registered here. */
  readonly app: SandboxApp
  /** All of them, in the order in which they were registered. */
  readonly apps: readonly SandboxApp[]
  /** Registers another App. Making its key takes up to a second: give it one when many are needed. */
  addApp(options?: AppOptions): Promise<SandboxApp>
  /** Changes the limit of an App's or an installation's requests from now on, or what is left of the current hour. */
  setQuota(owner: QuotaOwner, to: { readonly limit?: number; readonly remaining?: number }): void
  /** Every request since the start, or since `forgetCalls`, in order of arrival. */
  readonly calls: readonly Call[]
  forgetCalls(): void
  /** Says where an App's events go from now on. */
  setWebhook(appId: number, webhook: Webhook | undefined): void
  /** Sends an event to an App's webhook, signed, and answers what came back. Rejects after ten seconds. */
  deliver(options: DeliveryOptions): Promise<DeliveryResult>
  readonly payloads: Payloads
  /** Lowers how much GitHub answers at most. */
  setLimits(limits: Partial<Limits>): void
  /** Every check run of every App, in order, as it is now. */
  readonly checkRuns: readonly CheckRun[]
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
  const apps = createApps()
  const app = await apps.add(options.app ?? {})
  const state = createState(now, apps)
  const faults = createFaults()
  const office = createTokenOffice(state, now)
  const quota = createQuota(options.quotaPerHour ?? 1_000_000, now)
  const limits = gitHubLimits()
  const checks = createChecks(state, now)
  const server: GitHubServer = await listen({
    state,
    office,
    faults,
    apps: apps.registered,
    now,
    tokenForm: options.tokenForm ?? 'opaque',
    quota,
    limits,
    checks,
    port: options.port ?? 0,
    tls: options.tls,
    basePath: options.basePath ?? '',
  })
  return {
    ...state,
    app,
    apps: apps.owned,
    addApp: (more = {}) => apps.add(more),
    setQuota: (owner, to) => quota.set(quotaKey(owner), to),
    setLimits: (changed) => void Object.assign(limits, changed),
    checkRuns: checks.runs,
    tokens: office.tokens,
    setWebhook: (appId, webhook) => {
      apps.get(appId).webhook = webhook
    },
    deliver: (delivery) => deliverEvent(delivery, apps),
    payloads: createPayloads({ state, apps, checks, baseUrl: server.url, now }),
    fault: faults.add,
    ...server,
  }
}
