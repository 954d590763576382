import type { Change } from '../exchange/changes.ts'
import type { Clock, ExchangePorts } from '../exchange/ports.ts'
import type { CacheReport, CallReport } from '../exchange/reports.ts'
import type { Compilation, PolicyKind } from '../policy/trust-policy.ts'
import type { TrustedIssuersCompilation } from '../policy/trusted-issuers.ts'
import type { Logger } from '../runtime/log.ts'
import type { Signer } from '../terms/app-key.ts'
import type { Cancellation } from '../terms/cancellation.ts'
import { type Tracer, UNTRACED } from '../terms/tracer.ts'
import { type AppClient, createAppClient } from './app-client.ts'
import { type AppPool, createAppPool, type QuotaFloors } from './app-pool.ts'
import { createForget } from './forget.ts'
import { createLookupBudget } from './lookup-budget.ts'
import { createPolicyFiles } from './policy-files.ts'
import { createPooled } from './pooled.ts'
import type { AppIdentity } from './prove-key.ts'
import { createQuotaBook } from './quota-book.ts'
import { createRefreshAhead } from './refresh-ahead.ts'
import { createTokenRevocations, type TokenRevocations } from './token-revocation.ts'
import { createTrustedIssuersFiles } from './trusted-issuers-files.ts'
import { createUnderWay } from './under-way.ts'
import { webUrlOf } from './web-url.ts'

export interface GitHubOptions {
  /** `https://api.github.com`, or `https://{host}/api/v3` of an Enterprise Server. */
  readonly baseUrl: string
  /** By the name of an owner in lower case, and `*` for all others. One App may be in several. */
  readonly pools: ReadonlyMap<string, readonly [AppOptions, ...AppOptions[]]>
  /** `OCTOSTS_QUOTA_*`. */
  readonly quota: QuotaFloors & { readonly staleMs: number }
  /** The repository with an owner's organization policies and its list of trusted issuers. */
  readonly policyRepository: string
  readonly clock: Clock
  readonly log: Logger
  /** How long past its five fresh minutes the last good policy may stand in for GitHub; 0 is off (`STALE_POLICY_MAX`). */
  readonly stalePolicyMaxMs: number
  readonly compile: (text: string, kind: PolicyKind) => Promise<Compilation>
  readonly compileTrustedIssuers: (text: string) => Promise<TrustedIssuersCompilation>
  readonly userAgent?: string
  /** For one call, its answer read to the end. Default 5 s (contract §5). */
  readonly callLimitMs?: number
  /** Told of each HTTP request; `route` is a template, so that it may be a metric's label. */
  readonly onCall?: (report: CallReport) => void
  readonly onCache?: (report: CacheReport) => void
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
    | 'isPooled'
    | 'listRepositories'
    | 'mint'
    | 'revoke'
  > {
  /** Each App asks GitHub who it is. */
  readonly apps: readonly ProvableApp[]
  /** For `/revoke`, where anybody may send anything: over connections and within a budget of its own. */
  readonly revokeToken: TokenRevocations['revokeToken']
  /** Where people see this GitHub: `https://github.com`. */
  readonly webUrl: string
  /** Drops what a change has made stale: nothing from before it is served again. */
  forget(change: Change): void
  /** Changes may have been missed: everything is looked at anew before it is used again. */
  distrust(): void
  /** An App's own calls; undefined for one that is not configured here. */
  appWithId(id: number): AppClient | undefined
  /** Waits for mints and revocations that are under way, which end by their own limits, and closes the connections. */
  close(): Promise<void>
}

export interface ProvableApp {
  readonly id: number
  /** GET /app. Refuses `APP_CREDENTIALS_REFUSED` when the key is not the App's, and `GITHUB_*` when there was no answer. */
  proveKey(signal: Cancellation): Promise<AppIdentity>
}

export function createGitHub(options: GitHubOptions): GitHub {
  const { baseUrl, clock, log, stalePolicyMaxMs: staleMaxMs, policyRepository } = options
  const onCache = options.onCache ?? (() => {})
  const quota = createQuotaBook(clock, options.quota.staleMs)
  const budget = createLookupBudget(clock)
  const ahead = createRefreshAhead({ clock, log })
  const mints = createUnderWay()
  const pool = openPool(options.pools, { floors: options.quota, quota, clock }, (app) =>
    createAppClient({
      ...app,
      baseUrl,
      userAgent: options.userAgent ?? 'octo-sts',
      callLimitMs: options.callLimitMs ?? CALL_LIMIT_MS,
      clock,
      log,
      budget,
      ahead,
      quota,
      staleMaxMs,
      mints,
      tracer: options.tracer ?? UNTRACED,
      onCall: options.onCall ?? (() => {}),
      onCache,
    }),
  )
  const anyApp = pool.all[0]
  if (anyApp === undefined) throw new Error('there is no GitHub App')
  const strangersLine = anyApp.strangersCall(STRANGERS_CONNECTIONS)
  const strangers = createTokenRevocations(strangersLine.call, clock)
  const policies = createPolicyFiles({
    clock,
    budget,
    ahead,
    appOf: pool.appOf,
    compile: options.compile,
    staleMaxMs,
    onCache,
  })
  const compile = options.compileTrustedIssuers
  const trustedIssuers = createTrustedIssuersFiles({ pool, clock, log, ahead, compile, onCache })
  const { forget, distrust } = createForget({ pool, policies, trustedIssuers, policyRepository, clock })
  return {
    ...createPooled({ pool, policies, clock }),
    loadTrustedIssuers: trustedIssuers.load,
    revoke: (token) => pool.appOf({ app: { id: token.appId } }).revoke(token),
    revokeToken: strangers.revokeToken,
    webUrl: webUrlOf(baseUrl),
    apps: pool.all,
    forget,
    distrust,
    appWithId: pool.withId,
    async close() {
      ahead.close()
      await mints.settled()
      await Promise.all([...pool.all.map((app) => app.settled()), strangers.settled()])
      await Promise.all([...pool.all.map((app) => app.close()), strangersLine.close()])
    },
  }
}

/** One client for each App, however many pools it is in. */
function openPool(
  pools: GitHubOptions['pools'],
  turns: Omit<Parameters<typeof createAppPool>[0], 'pools'>,
  open: (app: AppOptions) => AppClient,
): AppPool {
  const clients = new Map<number, AppClient>()
  const clientOf = (app: AppOptions): AppClient => {
    const client = clients.get(app.id) ?? open(app)
    clients.set(app.id, client)
    return client
  }
  return createAppPool({ ...turns, pools: new Map([...pools].map(([owner, apps]) => [owner, apps.map(clientOf)])) })
}

const CALL_LIMIT_MS = 5000
/** Enough for tens of revocations a second, few enough to leave GitHub's limit of concurrent requests to the exchanges. */
const STRANGERS_CONNECTIONS = 4
