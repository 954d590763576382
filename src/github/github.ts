import type { Clock, ExchangePorts } from '../exchange/ports.ts'
import type { Compilation, PolicyKind } from '../policy/trust-policy.ts'
import type { Logger } from '../runtime/log.ts'
import type { Signer } from '../terms/app-key.ts'
import { type Tracer, UNTRACED } from '../terms/tracer.ts'
import { createAppJwt } from './app-jwt.ts'
import { createCall } from './call.ts'
import { createInstallations } from './installations.ts'
import { createLookupBudget } from './lookup-budget.ts'
import { createMint } from './mint.ts'
import { createPolicyFiles, type PolicyFiles } from './policy-files.ts'
import { type AppIdentity, proveKey } from './prove-key.ts'
import { createReaderTokens } from './reader-tokens.ts'
import { type CallReport, createRest } from './rest.ts'
import { createRevocations } from './revocations.ts'
import { createTokenRevocations, type TokenRevocations } from './token-revocation.ts'
import { createVisibleRepositories } from './visible-repositories.ts'
import { webUrlOf } from './web-url.ts'

export interface GitHubOptions {
  /** `https://api.github.com`, or `https://{host}/api/v3` of an Enterprise Server. */
  readonly baseUrl: string
  /** By the name of an owner in lower case, and `*` for all others. */
  readonly pools: ReadonlyMap<string, readonly [AppOptions, ...AppOptions[]]>
  readonly clock: Clock
  readonly log: Logger
  /** How long past its five fresh minutes the last good policy may stand in for GitHub; 0 is off (`STALE_POLICY_MAX`). */
  readonly stalePolicyMaxMs: number
  readonly compile: (text: string, kind: PolicyKind) => Compilation
  readonly userAgent?: string
  /** For one call, its answer read to the end. Default 5 s (contract §5). */
  readonly callLimitMs?: number
  /** Told of each HTTP request; `route` is a template, so that it may be a metric's label. */
  readonly onCall?: (report: CallReport) => void
  readonly tracer?: Tracer
}

export interface AppOptions {
  readonly id: number
  readonly sign: Signer
}

/** All talk with GitHub. */
export interface GitHub
  extends Pick<
    ExchangePorts,
    | 'findInstallation'
    | 'loadTrustedIssuers'
    | 'loadPolicy'
    | 'chooseInstallation'
    | 'listRepositories'
    | 'mint'
    | 'revoke'
  > {
  /** GET /app. Refuses `APP_CREDENTIALS_REFUSED` when the key is not the App's, and `GITHUB_*` when there was no answer. */
  proveKey(signal: AbortSignal): Promise<AppIdentity>
  /** For `/revoke`, where anybody may send anything: over connections and within a budget of its own. */
  readonly revokeToken: TokenRevocations['revokeToken']
  /** Where people see this GitHub: `https://github.com`. */
  readonly webUrl: string
  readonly forgetPolicies: PolicyFiles['forget']
  /** Waits for mints and revocations that are under way, which end by their own limits, and closes the connections. */
  close(): Promise<void>
}

export function createGitHub(options: GitHubOptions): GitHub {
  const { baseUrl, pools, clock, log, stalePolicyMaxMs: staleMaxMs, compile } = options
  const callLimitMs = options.callLimitMs ?? CALL_LIMIT_MS
  const monotonic = () => clock.monotonic()
  const [[app] = []] = [...pools.values()]
  if (app === undefined) throw new Error('there is no App')
  const appJwt = createAppJwt({ appId: app.id, sign: app.sign, clock })
  const restOptions = {
    baseUrl,
    appId: app.id,
    appJwt,
    userAgent: options.userAgent ?? 'octo-sts',
    callLimitMs,
    log,
    tracer: options.tracer ?? UNTRACED,
    monotonic,
    onCall: options.onCall ?? (() => {}),
  }
  const rest = createRest(restOptions)
  const callOptions = { appJwt, now: () => clock.now(), monotonic, callLimitMs }
  const call = createCall({ ...callOptions, rest })
  const strangersRest = createRest({ ...restOptions, connections: STRANGERS_CONNECTIONS })
  const strangers = createTokenRevocations(createCall({ ...callOptions, rest: strangersRest }), clock)
  const budget = createLookupBudget(clock)
  const { revoke, settled } = createRevocations(call, log)
  const installations = createInstallations({ call, clock, budget, staleMaxMs })
  const readers = createReaderTokens({ call, revoke, clock })
  const policies = createPolicyFiles({ call, clock, budget, readers, installations, compile, staleMaxMs })
  const visible = createVisibleRepositories({ call, revoke, clock, installations })
  const mints = new Set<Promise<unknown>>()
  const track = (work: Promise<unknown>) => {
    const tracked = work.catch(() => {}).finally(() => mints.delete(tracked))
    mints.add(tracked)
  }
  return {
    findInstallation: installations.find,
    loadTrustedIssuers: () => ({ kind: 'absent', unreadable: false }),
    loadPolicy: policies.load,
    chooseInstallation: async ({ installation }) => installation,
    listRepositories: visible.list,
    mint: createMint({ call, revoke, installations, clock, track, notReached: visible.forget }),
    revoke,
    revokeToken: strangers.revokeToken,
    webUrl: webUrlOf(baseUrl),
    proveKey: (signal) => proveKey(call, signal),
    forgetPolicies: policies.forget,
    async close() {
      while (mints.size > 0) await Promise.all(mints)
      await Promise.all([settled(), strangers.settled()])
      await Promise.all([rest.close(), strangersRest.close()])
    },
  }
}

const CALL_LIMIT_MS = 5000
/** Enough for tens of revocations a second, few enough to leave GitHub's limit of concurrent requests to the exchanges. */
const STRANGERS_CONNECTIONS = 4
