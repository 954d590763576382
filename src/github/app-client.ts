import type { Clock, Installation, InstallationToken, Mint } from '../exchange/ports.ts'
import type { CacheReport, CallReport } from '../exchange/reports.ts'
import type { Logger } from '../runtime/log.ts'
import type { Signer } from '../terms/app-key.ts'
import type { Cancellation } from '../terms/cancellation.ts'
import type { Tracer } from '../terms/tracer.ts'
import { createAppJwt } from './app-jwt.ts'
import { type Call, createCall } from './call.ts'
import { createInstallations, type Installations } from './installations.ts'
import type { LookupBudget } from './lookup-budget.ts'
import { createMint } from './mint.ts'
import { type AppIdentity, proveKey } from './prove-key.ts'
import type { QuotaBook } from './quota-book.ts'
import { createReaderTokens, type ReaderTokens } from './reader-tokens.ts'
import type { RefreshAhead } from './refresh-ahead.ts'
import { createRest } from './rest.ts'
import { createRevocations } from './revocations.ts'
import type { UnderWay } from './under-way.ts'
import { createVisibleRepositories, type VisibleRepositories } from './visible-repositories.ts'

export interface AppClientOptions {
  readonly id: number
  readonly sign: Signer
  readonly baseUrl: string
  readonly userAgent: string
  readonly callLimitMs: number
  readonly clock: Clock
  readonly log: Logger
  readonly budget: LookupBudget
  readonly ahead: RefreshAhead
  readonly quota: QuotaBook
  readonly staleMaxMs: number
  readonly mints: UnderWay
  readonly tracer: Tracer
  readonly onCall: (report: CallReport) => void
  readonly onCache: (report: CacheReport) => void
}

/** One GitHub App: its own credential, connections, installations and tokens. */
export interface AppClient {
  readonly id: number
  /** Its name in URLs; undefined until GitHub has told it. */
  slug(): string | undefined
  readonly call: Call
  /** Another way to GitHub with the same credential, over so many connections of its own. */
  strangersCall(connections: number): { readonly call: Call; close(): Promise<void> }
  readonly installations: Installations
  readonly readers: ReaderTokens
  readonly visible: VisibleRepositories
  readonly mint: Mint
  revoke(token: InstallationToken): void
  /** GET /app. Refuses `APP_CREDENTIALS_REFUSED` when the key is not the App's, and `GITHUB_*` when there was no answer. */
  proveKey(signal: Cancellation): Promise<AppIdentity>
  /** Resolves when nothing is left to revoke. */
  settled(): Promise<void>
  close(): Promise<void>
}

export function createAppClient(options: AppClientOptions): AppClient {
  const { id, clock, log, budget, ahead, quota, staleMaxMs, onCache, callLimitMs, mints } = options
  const appJwt = createAppJwt({ appId: id, sign: options.sign, clock })
  const monotonic = () => clock.monotonic()
  const now = () => clock.now()
  const callOptions = { appId: id, appJwt, quota, now, monotonic, callLimitMs }
  const open = (connections?: number) => {
    const rest = createRest({
      ...options,
      appId: id,
      appJwt,
      now,
      monotonic,
      ...(connections === undefined ? {} : { connections }),
    })
    return { call: createCall({ ...callOptions, rest }), close: () => rest.close() }
  }
  const { call, close } = open()
  const { revoke, settled } = createRevocations(call, log)
  let slug: string | undefined
  const onFound = ({ app }: Installation) => {
    if (app.id === id) slug = app.slug
  }
  const installations = createInstallations({ appId: id, call, clock, budget, ahead, staleMaxMs, onCache, onFound })
  const visible = createVisibleRepositories({ call, revoke, clock, installations, onCache })
  return {
    id,
    slug: () => slug,
    call,
    strangersCall: open,
    installations,
    readers: createReaderTokens({ call, revoke, clock, onCache }),
    visible,
    mint: createMint({ call, revoke, installations, clock, mints, notReached: visible.forget }),
    revoke,
    async proveKey(signal) {
      const app = await proveKey(call, signal)
      if (app.id === id) slug = app.slug
      return app
    },
    settled,
    close,
  }
}
