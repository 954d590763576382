import { createPublicKey, randomBytes, randomUUID, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRemember } from './audit/audit.ts'
import type { ExchangeEvents } from './audit/cloud-events.ts'
import { type Outcome, outcomeOf } from './audit/exchange-outcome.ts'
import { createGoogleIdentity } from './audit/google-identity.ts'
import type { Metrics } from './audit/metrics.ts'
import { observedSigner } from './audit/observed-signer.ts'
import { exchangeRules } from './config/exchange-rules.ts'
import type { ReaderNeeds } from './config/reader.ts'
import type { ConfiguredApp, Settings, SettingsNeeds } from './config/settings.ts'
import { followChanges } from './exchange/changes.ts'
import { createExchange } from './exchange/exchange.ts'
import type { Clock } from './exchange/ports.ts'
import { createRefresh } from './exchange/refresh.ts'
import { createRevokeFamily } from './exchange/revoke-family.ts'
import type { Affinities, Stores, Topics } from './exchange/stores.ts'
import { type AppOptions, createGitHub } from './github/github.ts'
import { createKeyProof } from './github/key-proof.ts'
import { createWebhookAccess } from './github/webhook-access.ts'
import { createKeyServices, type KeyServices } from './keys/key-services.ts'
import { parsePrivateKey } from './keys/private-key.ts'
import { domainOf } from './oidc/budget.ts'
import { createVerifier } from './oidc/verifier.ts'
import { policyCompilation } from './policy/compile.ts'
import { trustedIssuersCompilation } from './policy/compile-trusted-issuers.ts'
import { policyLinting, trustedIssuersLinting } from './policy/lint.ts'
import { compilePattern } from './policy/pattern.ts'
import { abreast } from './runtime/abreast.ts'
import { systemClock } from './runtime/clock.ts'
import type { Logger } from './runtime/log.ts'
import type { SupervisorLine } from './runtime/supervisor-line.ts'
import { openTracer } from './runtime/tracing.ts'
import { inTurns } from './runtime/turns.ts'
import { openStores } from './store/open-stores.ts'
import { createRefreshTokenSeal } from './store/refresh-token-seal.ts'
import { parseStoreUrl } from './store/store-address.ts'
import { createWorkerTopics } from './store/worker-topics.ts'
import type { Reason } from './terms/denial.ts'
import { type Tracer, UNTRACED } from './terms/tracer.ts'
import { listenForWebhooks } from './webhook/server.ts'
import { createWebhook, type Webhook } from './webhook/webhook.ts'
import { followCertificate, readCertificate } from './wire/certificate.ts'
import { listen } from './wire/listen.ts'

/** A running service. */
export interface Service {
  /** The port it listens on: the one that was chosen, or the one it was given for port 0. */
  readonly port: number
  /** Where metrics are to be had; undefined when the operator wants none. */
  readonly metricsPort: number | undefined
  /** Settles once GitHub was asked about the Apps' keys; rejects when it refuses all, and the service is of no use. */
  readonly keyProved: Promise<void>
  /** Stops taking requests, finishes what is in flight within `SHUTDOWN_GRACE`, sends what is still to be sent. Never rejects. */
  close(): Promise<void>
}

export interface ComposeOptions {
  readonly log: Logger
  /** Where it listens: everywhere when absent. */
  readonly host?: string
  /** The machine's when absent. */
  readonly clock?: Clock
  /** Of one worker of several: who has the port of the metrics, and passes changes on. */
  readonly line?: SupervisorLine
  /** The port is this process's own, even of a worker's. */
  readonly exclusive?: boolean
  /** Asked beside the Apps' keys: the service is not ready while it is false. */
  readonly isWarm?: () => boolean
}

/** Joins the parts into a service that listens: the one place that knows them all. */
export async function composeService(settings: Settings, options: ComposeOptions): Promise<Service> {
  return opened(settings, options, async (parts) => {
    const { log, host, clock, github, metrics, tracer, stores, events, isReady, webhook } = parts
    const verifier = createVerifier({
      issuers: settings.issuers,
      allowLoopback: settings.allowLoopbackIssuers,
      maxTokenAgeMs: settings.maxTokenAgeMs,
      clock,
      log,
      tracer,
      ...(metrics === undefined ? {} : { onFetch: metrics.observeIssuerFetch }),
    })
    parts.onClose(() => verifier.close())
    const { apps: _apps, ...gitHubPorts } = github
    const ports = {
      ...gitHubPorts,
      verify: verifier.verify,
      remember: createRemember({ log, events, metrics }),
      takeTurns: inTurns,
      clock,
      tracer,
      families: stores.families,
      marks: stores.marks,
      reservations: stores.kind === 'redis' || settings.singleProcess ? stores.reservations : undefined,
      affinities: await affinitiesOf(stores, settings, parts),
      seal: createRefreshTokenSeal(refreshTokenKeys(settings, log)),
      newFamily: () => randomBytes(FAMILY_BYTES).toString('base64url'),
    }
    const rules = exchangeRules(settings)
    const server = await listen({
      exchange: abreast(createExchange(ports, rules)),
      refresh: abreast(createRefresh(ports, rules)),
      revokeRefreshToken: createRevokeFamily(ports),
      revokeInstallationToken: github.revokeToken,
      gitHubWebUrl: github.webUrl,
      clock,
      domain: settings.domain,
      port: settings.port,
      ...host,
      ...(settings.tls === undefined ? {} : { tls: settings.tls }),
      isReady,
      log,
      newRequestId: randomUUID,
      documents: schemas(),
      webhook: webhook?.handle,
    })
    const close = async (graceMs: number) => {
      await Promise.all([server.close(graceMs), webhook?.close(graceMs)])
    }
    return { port: server.port, close }
  })
}

/** Loads what is otherwise loaded when a caller first needs it, and holds up others for it: for who can wait. */
export async function loadTheLate(): Promise<void> {
  domainOf('https://www.example.com')
  await import('./wire/reflection.ts')
}

/** Serves the webhook alone, on the settings' port. Rejects when no secret for it is set. */
export async function composeWebhook(settings: Settings, options: ComposeOptions): Promise<Service> {
  return opened(settings, options, async ({ log, host, isReady, webhook }) => {
    if (webhook === undefined) throw new Error('GITHUB_WEBHOOK_SECRET must be set: the secret of the webhook')
    if (settings.storeUrl === undefined) {
      log.warn(
        'STORE_URL is not set: what a delivery shows to be stale is dropped in this process alone, and in no server',
      )
    }
    const { tls } = settings
    const follow = (files: NonNullable<typeof tls>) => (renew: Parameters<typeof followCertificate>[2]) =>
      followCertificate(files, { intervalMs: CERTIFICATE_LOOK_MS, log }, renew)
    return listenForWebhooks({
      webhook,
      port: settings.port,
      ...host,
      ...(tls === undefined ? {} : { tls: { ...(await readCertificate(tls)), follow: follow(tls) } }),
      isReady,
    })
  })
}

/** What listens, once the parts below it are there. */
interface Front {
  readonly port: number
  close(graceMs: number): Promise<void>
}

type Parts = Awaited<ReturnType<typeof openParts>>

/** Opens the parts and what listens on top of them; whatever goes wrong, nothing stays open. */
async function opened(
  settings: Settings,
  options: ComposeOptions,
  openFront: (parts: Parts) => Promise<Front>,
): Promise<Service> {
  const parts = await openParts(settings, options)
  try {
    const front = await openFront(parts)
    return {
      port: front.port,
      metricsPort: parts.metricsPort,
      keyProved: parts.proof.proved,
      close: () => parts.close(() => front.close(settings.shutdownGraceMs)),
    }
  } catch (error) {
    await parts.close(async () => {})
    throw error
  }
}

/** What the service and the webhook of its own have in common. */
async function openParts(settings: Settings, options: ComposeOptions) {
  const { log, host, clock = systemClock, line } = options
  const { signal, stop, onClose, closeAll } = createClosing()
  try {
    const monotonic = () => clock.monotonic()
    const metrics = settings.metrics === undefined ? undefined : await openMetrics(settings, clock)
    const isFault = (reason: Reason) => FAULTS.has(outcomeOf({ reason }))
    const tracing = settings.tracing ? await openTracer({ version: VERSION, isFault, log }) : undefined
    const tracer: Tracer = tracing ?? UNTRACED
    const keys = createKeyServices({ monotonic, vault: settings.vault })
    onClose(() => keys.close())
    const signerOf = async ({ id, key }: ConfiguredApp): Promise<AppOptions> => {
      const sign = await keys.createSigner(key)
      const provider = key.kind === 'kms' ? key.provider : 'pem'
      return {
        id,
        sign: observedSigner(sign, { provider, tracer, report: metrics?.observeSignature ?? ignore, monotonic }),
      }
    }
    const github = createGitHub({
      baseUrl: settings.githubBaseUrl,
      pools: await poolsOf(settings.pools, signerOf),
      quota: settings.quota,
      policyRepository: settings.policyRepository,
      stalePolicyMaxMs: settings.stalePolicyMaxMs,
      compile: async (text, kind) => inTurns(policyCompilation(text, kind)),
      compileTrustedIssuers: async (text) => inTurns(trustedIssuersCompilation(text)),
      clock,
      log,
      tracer,
      ...(metrics === undefined ? {} : { onCall: metrics.observeGitHubCall, onCache: metrics.observeCache }),
    })
    onClose(() => github.close())
    const events = await openEvents(settings, { log, clock })
    onClose((leftMs) => events?.close(leftMs()))
    const stores = await openStores({
      address: settings.storeUrl === undefined ? undefined : parseStoreUrl(settings.storeUrl),
      clock,
      log,
      tracer,
      ...(metrics === undefined ? {} : { onRefusal: metrics.observeStoreRefusal }),
    })
    onClose(() => stores.close())
    const changes = followChanges({
      topics: topicsOf(stores, { line, log, onClose }),
      forget: github.forget,
      distrust: github.distrust,
      processId: randomUUID(),
      onUnsent: ({ kind }, error) =>
        log.error(
          { kind, err: error },
          'a change could not be told to the other replicas: they keep what they know for up to ten minutes',
        ),
    })
    const webhook = await openWebhook(settings, {
      keys,
      github,
      announce: changes.announce,
      events,
      metrics,
      clock,
      log,
    })
    const proof = createKeyProof(github.apps, { log, signal })
    const isReady = () => proof.isProved() && options.isWarm?.() !== false
    const at = { ...(host === undefined ? {} : { host }), exclusive: options.exclusive ?? false }
    const scraped = await listenForScrapes(metrics, settings, {
      ...{ at, events, stores, log, line, onClose, isReady },
    })
    return {
      ...{ log, clock, host: at, github, metrics, tracer, events, stores, webhook, proof, isReady, onClose },
      metricsPort: scraped?.port,
      async close(closeFront: () => Promise<void>) {
        stop()
        const graceEnds = clock.monotonic() + settings.shutdownGraceMs
        const leftMs = () => Math.max(graceEnds - clock.monotonic(), LAST_EVENTS_MS)
        await closeFront()
        changes.close()
        await closeAll(leftMs)
        await Promise.allSettled([scraped?.close(), tracing?.close(leftMs())])
      },
    }
  } catch (error) {
    stop()
    await closeAll(() => 0)
    throw error
  }
}

/** Workers without a store tell each other through their supervisor. */
function topicsOf(
  stores: Stores,
  {
    line,
    log,
    onClose,
  }: { readonly line: SupervisorLine | undefined; readonly log: Logger; readonly onClose: OnClose },
): Topics {
  if (line === undefined || stores.kind === 'redis') return stores.topics
  const topics = createWorkerTopics({ line, log })
  onClose(async () => topics.close())
  return topics
}

type OnClose = (close: Close) => void
type Close = (leftMs: () => number) => Promise<void> | undefined

function createClosing() {
  const stopped = new AbortController()
  const closes: Close[] = []
  return {
    signal: stopped.signal,
    stop: () => stopped.abort(),
    onClose: (close: Close) => void closes.push(close),
    closeAll: async (leftMs: () => number) => {
      await Promise.allSettled(closes.splice(0).map(async (close) => close(leftMs)))
    },
  }
}

async function poolsOf(
  pools: Settings['pools'],
  signerOf: (app: ConfiguredApp) => Promise<AppOptions>,
): Promise<ReadonlyMap<string, readonly [AppOptions, ...AppOptions[]]>> {
  const signing = new Map<number, Promise<AppOptions>>() // one App may be in several pools
  const optionsOf = (app: ConfiguredApp): Promise<AppOptions> => {
    const known = signing.get(app.id) ?? signerOf(app)
    signing.set(app.id, known)
    return known
  }
  const entries = [...pools].map(async ([owner, [first, ...others]]) => {
    const options = await Promise.all(others.map(optionsOf))
    return [owner, [await optionsOf(first), ...options]] as const
  })
  return new Map(await Promise.all(entries))
}

async function openMetrics({ issuers }: Settings, clock: Clock): Promise<Metrics> {
  const { createMetrics } = await import('./audit/metrics.ts') // 50 ms to import: only where metrics are wanted
  const listedIssuers = issuers.map(({ issuer }) => issuer)
  return createMetrics({ version: VERSION, listedIssuers, now: () => clock.now() })
}

interface Scraped {
  readonly at: { readonly host?: string; readonly exclusive: boolean }
  readonly events: ExchangeEvents | undefined
  readonly stores: Stores
  readonly isReady: () => boolean
  readonly log: Logger
  readonly line: SupervisorLine | undefined
  readonly onClose: OnClose
}

async function listenForScrapes(
  metrics: Metrics | undefined,
  settings: Settings,
  { at, events, stores, isReady, log, line, onClose }: Scraped,
) {
  if (metrics === undefined || settings.metrics === undefined) return undefined
  if (events !== undefined) metrics.bindEvents(events)
  metrics.bindStore(stores)
  metrics.bindReady(isReady)
  if (line !== undefined) {
    const tell = async () => line.tell({ kind: 'counted', metrics: await metrics.counts() })
    const unhear = line.hear(({ kind }) => {
      if (kind === 'count') void tell()
    })
    onClose(async () => {
      unhear()
      await tell() // the last word: it stays in the supervisor's sums
    })
    return undefined
  }
  const { port, isChosen } = settings.metrics
  try {
    return await metrics.listen({ port, ...at, log })
  } catch (error) {
    if (isChosen) throw error
    log.error({ err: error }, 'nobody can read metrics: their usual port is taken, and METRICS_PORT names no other')
    return undefined
  }
}

async function openEvents(
  { eventSink: sink, eventAuth: auth, domain }: Settings,
  { log, clock }: { readonly log: Logger; readonly clock: Clock },
): Promise<ExchangeEvents | undefined> {
  if (sink === undefined) return undefined
  const { createExchangeEvents } = await import('./audit/cloud-events.ts') // only where there is a sink: the client takes 70 ms
  const identity = await createGoogleIdentity({ sink, auth, log, monotonic: () => clock.monotonic() })
  return createExchangeEvents({ sink, domain, newEventId: randomUUID, log, identity })
}

interface WebhookNeeds {
  readonly keys: KeyServices
  readonly github: ReturnType<typeof createGitHub>
  readonly announce: ReturnType<typeof followChanges>['announce']
  readonly events: ExchangeEvents | undefined
  readonly metrics: Metrics | undefined
  readonly clock: Clock
  readonly log: Logger
}

/** undefined: no secret is set, so that no delivery could be believed. */
async function openWebhook(
  settings: Settings,
  { keys, github, announce, events, metrics, clock, log }: WebhookNeeds,
): Promise<Webhook | undefined> {
  if (settings.webhook === undefined) return undefined
  const { policyRepository, webhook } = settings
  const [first, ...others] = webhook.secrets
  const access = createWebhookAccess({ appOf: github.appWithId, clock })
  return createWebhook({
    ...webhook,
    secrets: [await keys.resolveSecret(first), ...(await Promise.all(others.map(keys.resolveSecret)))],
    policyRepository,
    isOurApp: (id) => github.appWithId(id) !== undefined,
    log,
    ...(metrics === undefined ? {} : { onAnswer: metrics.observeWebhook, onChecked: metrics.observePolicyCheck }),
    ports: {
      openRepository: access.open,
      listRepositories: github.listRepositories,
      async loadTrustedIssuers(installation, owner) {
        const request = { installation, owner, repository: policyRepository, beside: policyRepository }
        const answer = await github.loadTrustedIssuers(request, AbortSignal.timeout(LIST_LIMIT_MS))
        return answer.kind === 'list' ? answer.list : undefined
      },
      async announce(change) {
        if (change.kind === 'installation' || change.kind === 'repository') access.forget(change.accountId)
        await announce(change)
      },
      lintPolicy: async (text, context) =>
        inTurns(policyLinting(text, { ...context, guardrails: settings, nowMs: clock.now() })),
      lintTrustedIssuers: async (text) => inTurns(trustedIssuersLinting(text)),
      policyEvents: { send: (event) => events?.sendPolicy(event) },
      clock,
      schedule(milliseconds, work) {
        const timer = setTimeout(work, milliseconds).unref()
        return () => clearTimeout(timer)
      },
    },
  })
}

/** Of the store, unless the operator wants them in memory although there is one. */
async function affinitiesOf(
  stores: Stores,
  { stickyStore }: Settings,
  { clock, log }: { readonly clock: Clock; readonly log: Logger },
): Promise<Affinities> {
  if (stickyStore === 'store' || stores.kind === 'memory') return stores.affinities
  return (await openStores({ clock, log, address: undefined })).affinities
}

/** The operator's keys, or one of this process alone, which another process or the next start does not know. */
function refreshTokenKeys(
  { refreshTokenKeys: [first, ...others], storeUrl, maxRefreshAgeMs }: Settings,
  log: Logger,
): [Uint8Array, ...Uint8Array[]] {
  if (maxRefreshAgeMs === 0) return [randomBytes(KEY_BYTES)] // there are none to be opened
  if (storeUrl === undefined)
    log.warn('STORE_URL is not set: refresh tokens are known to this process alone, and until it ends')
  if (first !== undefined) return [first, ...others]
  log.warn(
    'REFRESH_TOKEN_KEYS is not set: refresh tokens are sealed with a random key of this process, and die with it',
  )
  return [randomBytes(KEY_BYTES)]
}

function ignore(): void {}

/** Outcomes of an exchange that are an error of its span: the service's and its neighbours' faults, not the caller's. */
const FAULTS: ReadonlySet<Outcome> = new Set(['failed', 'unavailable'])

const VERSION: string = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version

/** 256 bits, for A256KW. */
const KEY_BYTES = 32
/** 128 bits: nobody meets a family by guessing. */
const FAMILY_BYTES = 16
/** Between two looks at the certificate's files. */
const CERTIFICATE_LOOK_MS = 10_000
/** For the list of trusted issuers, which is compared with and not needed. */
const LIST_LIMIT_MS = 10_000
/** For the events of requests that took all of the grace. */
const LAST_EVENTS_MS = 1_000

/** The JSON Schemas that come with the package, as they are served at `/schemas/{name}.json`. */
function schemas() {
  const names = ['trust-policy', 'organization-policy', 'trusted-issuers', 'configuration']
  return new Map(
    names.map((name) => [
      `/schemas/${name}.json`,
      {
        contentType: 'application/schema+json',
        body: readFileSync(new URL(`../../schemas/${name}.json`, import.meta.url), 'utf8'),
      },
    ]),
  )
}

/** What the configuration must ask other parts: whether a key, a certificate, a pattern or a store's URL is one. */
export const SETTINGS_NEEDS: Omit<SettingsNeeds, keyof ReaderNeeds> = {
  checkPrivateKey: parsePrivateKey,
  checkStoreUrl: parseStoreUrl,
  isPublicKey(jwk) {
    try {
      const key = createPublicKey({ key: { ...jwk }, format: 'jwk' })
      // Node makes a key of a few bits out of a modulus that is no base64url.
      return key.asymmetricKeyType !== 'rsa' || (key.asymmetricKeyDetails?.modulusLength ?? 0) >= RSA_BITS_LEAST
    } catch {
      return false
    }
  },
  checkCertificate: (pem) => void new X509Certificate(pem),
  compilePattern(source) {
    const compilation = compilePattern(source)
    if (!compilation.ok) throw new Error(compilation.fault)
    return compilation.matcher
  },
}

/** Contract §5. */
const RSA_BITS_LEAST = 2_048
