import { createPublicKey, randomBytes, randomUUID, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRemember } from './audit/audit.ts'
import { createExchangeEvents, type ExchangeEvents } from './audit/cloud-events.ts'
import type { ReaderNeeds } from './config/reader.ts'
import type { AppPools, ConfiguredApp, Settings, SettingsNeeds } from './config/settings.ts'
import { type Announce, followChanges } from './exchange/changes.ts'
import { createExchange } from './exchange/exchange.ts'
import type { Clock } from './exchange/ports.ts'
import { createRefresh } from './exchange/refresh.ts'
import { createRevokeFamily } from './exchange/revoke-family.ts'
import type { Affinities, Stores } from './exchange/stores.ts'
import { createGitHub, type GitHub, type GitHubOptions } from './github/github.ts'
import { createKeyProof } from './github/key-proof.ts'
import { createWebhookAccess } from './github/webhook-access.ts'
import { createKeyServices, type KeyServices } from './keys/key-services.ts'
import { parsePrivateKey } from './keys/private-key.ts'
import { createVerifier } from './oidc/verifier.ts'
import { compilePolicy } from './policy/compile.ts'
import { compileTrustedIssuers } from './policy/compile-trusted-issuers.ts'
import { lintPolicy, lintTrustedIssuers } from './policy/lint.ts'
import { compilePattern } from './policy/pattern.ts'
import { systemClock } from './runtime/clock.ts'
import type { Logger } from './runtime/log.ts'
import { openStores } from './store/open-stores.ts'
import { createRefreshTokenSeal } from './store/refresh-token-seal.ts'
import { parseStoreUrl } from './store/store-address.ts'
import { isGitHubActionsIssuer } from './terms/github-issuer.ts'
import { nameKey } from './terms/scope.ts'
import { listenForWebhooks } from './webhook/server.ts'
import { createWebhook, type Webhook } from './webhook/webhook.ts'
import { followCertificate, readCertificate } from './wire/certificate.ts'
import { listen } from './wire/listen.ts'

/** A running service. */
export interface Service {
  /** The port it listens on: the one that was chosen, or the one it was given for port 0. */
  readonly port: number
  /** Settles once GitHub was asked about the App's key; rejects when GitHub refuses it, and the service is of no use. */
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
}

/** Joins the parts into a service that listens: the one place that knows them all. */
export async function composeService(
  settings: Settings,
  { log, host, clock = systemClock }: ComposeOptions,
): Promise<Service> {
  const keys = await openKeys(settings, clock)
  const github = openGitHub(settings, { keys, log, clock })
  const verifier = createVerifier({
    issuers: settings.issuers,
    allowLoopback: settings.allowLoopbackIssuers,
    maxTokenAgeMs: settings.maxTokenAgeMs,
    clock,
    log,
  })
  const events = await openEvents(settings, log)

  const { storeUrl, singleProcess } = settings
  const address = storeUrl === undefined ? undefined : parseStoreUrl(storeUrl)
  const stores = await openStores({ address, clock, log })
  const { apps: _apps, ...gitHubPorts } = github
  const ports = {
    ...gitHubPorts,
    verify: verifier.verify,
    remember: createRemember(log, events),
    clock,
    families: stores.families,
    marks: stores.marks,
    reservations: stores.kind === 'redis' || singleProcess ? stores.reservations : undefined,
    seal: createRefreshTokenSeal(refreshTokenKeys(settings, log)),
    affinities: await affinitiesOf(stores, settings, { clock, log }),
    newFamily: () => randomBytes(FAMILY_BYTES).toString('base64url'),
  }
  const changes = follow(github, stores, log)
  const rules = exchangeRules(settings)

  const webhook = openWebhook(settings, { github, keys, announce: changes.announce, events, clock, log })

  const stopped = new AbortController()
  const proof = createKeyProof(github.apps, { log, signal: stopped.signal })
  const server = await listen({
    exchange: createExchange(ports, rules),
    refresh: createRefresh(ports, rules),
    revokeRefreshToken: createRevokeFamily(ports),
    revokeInstallationToken: github.revokeToken,
    gitHubWebUrl: github.webUrl,
    clock,
    domain: settings.domain,
    port: settings.port,
    ...(host === undefined ? {} : { host }),
    ...(settings.tls === undefined ? {} : { tls: settings.tls }),
    isReady: proof.isProved,
    log,
    newRequestId: randomUUID,
    documents: schemas(),
    webhook: webhook?.handle,
  })
  return {
    port: server.port,
    keyProved: proof.proved,
    async close() {
      stopped.abort()
      const graceEnds = clock.monotonic() + settings.shutdownGraceMs
      await Promise.all([server.close(settings.shutdownGraceMs), webhook?.close(settings.shutdownGraceMs)])
      changes.close()
      const leftMs = Math.max(graceEnds - clock.monotonic(), LAST_EVENTS_MS)
      await Promise.allSettled([github.close(), verifier.close(), events?.close(leftMs), stores.close(), keys.close()])
    },
  }
}

/** Serves the webhook alone, on the settings' port. Throws when no secret for it is set. */
export async function composeWebhook(
  settings: Settings,
  { log, host, clock = systemClock }: ComposeOptions,
): Promise<Service> {
  const keys = await openKeys(settings, clock)
  const github = openGitHub(settings, { keys, log, clock })
  const events = await openEvents(settings, log)
  const { storeUrl } = settings
  if (storeUrl === undefined)
    log.warn(
      'STORE_URL is not set: what a delivery shows to be stale is dropped in this process alone, and in no server',
    )
  const stores = await openStores({ address: storeUrl === undefined ? undefined : parseStoreUrl(storeUrl), clock, log })
  const changes = follow(github, stores, log)
  const webhook = openWebhook(settings, { github, keys, announce: changes.announce, events, clock, log })
  if (webhook === undefined) throw new Error('GITHUB_WEBHOOK_SECRET must be set: the secret of the webhook')
  const stopped = new AbortController()
  const proof = createKeyProof(github.apps, { log, signal: stopped.signal })
  const { tls } = settings
  const server = await listenForWebhooks({
    webhook,
    port: settings.port,
    ...(host === undefined ? {} : { host }),
    ...(tls === undefined
      ? {}
      : {
          tls: {
            ...(await readCertificate(tls)),
            follow: (renew) => followCertificate(tls, { intervalMs: CERTIFICATE_LOOK_MS, log }, renew),
          },
        }),
    isReady: proof.isProved,
  })
  return {
    port: server.port,
    keyProved: proof.proved,
    async close() {
      stopped.abort()
      await server.close(settings.shutdownGraceMs)
      changes.close()
      await Promise.allSettled([github.close(), events?.close(LAST_EVENTS_MS), stores.close(), keys.close()])
    },
  }
}

/** What signs, and what webhooks are signed with. */
interface Keys {
  readonly pools: GitHubOptions['pools']
  readonly webhookSecrets: readonly [string, ...string[]] | undefined
  close(): Promise<void>
}

/** All keys and secrets, before anything else is opened: one that cannot be had ends the start, and nothing may hold it up. */
async function openKeys({ vault, pools, webhook }: Settings, clock: Clock): Promise<Keys> {
  const services = createKeyServices({ monotonic: clock.monotonic, vault })
  try {
    return {
      pools: await signingPools(pools, services),
      webhookSecrets: webhook === undefined ? undefined : await eachOf(webhook.secrets, services.resolveSecret),
      close: services.close,
    }
  } catch (error) {
    await services.close()
    throw error
  }
}

function openGitHub(
  settings: Settings,
  { keys, log, clock }: { readonly keys: Keys; readonly log: Logger; readonly clock: Clock },
): GitHub {
  return createGitHub({
    baseUrl: settings.githubBaseUrl,
    pools: keys.pools,
    clock,
    log,
    quota: settings.quota,
    policyRepository: settings.policyRepository,
    stalePolicyMaxMs: settings.stalePolicyMaxMs,
    compile: compilePolicy,
    compileTrustedIssuers,
  })
}

function follow(github: GitHub, stores: Stores, log: Logger) {
  return followChanges({
    topics: stores.topics,
    forget: github.forget,
    distrust: github.distrust,
    processId: randomUUID(),
    onUnsent: ({ kind }, error) =>
      log.error(
        { kind, err: error },
        'a change could not be told to the other replicas: they keep what they know for up to ten minutes',
      ),
  })
}

async function openEvents({ eventSink, domain }: Settings, log: Logger): Promise<ExchangeEvents | undefined> {
  if (eventSink === undefined) return undefined
  return createExchangeEvents({ sink: eventSink, domain, newEventId: randomUUID, log })
}

interface WebhookNeeds {
  readonly github: GitHub
  readonly keys: Keys
  readonly announce: Announce
  readonly events: ExchangeEvents | undefined
  readonly clock: Clock
  readonly log: Logger
}

/** undefined: no secret is set, so that no delivery could be believed. */
function openWebhook(
  settings: Settings,
  { github, keys, announce, events, clock, log }: WebhookNeeds,
): Webhook | undefined {
  if (settings.webhook === undefined || keys.webhookSecrets === undefined) return undefined
  const { policyRepository, webhook } = settings
  const access = createWebhookAccess({ appOf: github.appWithId, clock })
  return createWebhook({
    ...webhook,
    secrets: keys.webhookSecrets,
    policyRepository,
    isOurApp: (id) => github.appWithId(id) !== undefined,
    log,
    ports: {
      openRepository: access.open,
      listRepositories: github.listRepositories,
      async loadTrustedIssuers(installation, owner) {
        const request = { installation, owner, repository: policyRepository, beside: policyRepository }
        const answer = await github.loadTrustedIssuers(request, AbortSignal.timeout(LIST_LIMIT_MS))
        return answer.kind === 'list' ? answer.list : undefined
      },
      announce,
      lintPolicy: (text, context) => lintPolicy(text, { ...context, guardrails: settings, nowMs: clock.now() }),
      lintTrustedIssuers,
      policyEvents: { send: (event) => events?.sendPolicy(event) },
      clock,
      schedule(milliseconds, work) {
        const timer = setTimeout(work, milliseconds).unref()
        return () => clearTimeout(timer)
      },
    },
  })
}

async function signingPools(pools: AppPools, services: KeyServices): Promise<GitHubOptions['pools']> {
  const signing = async ({ id, key }: ConfiguredApp) => ({ id, sign: await services.createSigner(key) })
  return new Map(
    await Promise.all([...pools].map(async ([owner, pool]) => [owner, await eachOf(pool, signing)] as const)),
  )
}

function eachOf<T, R>([first, ...others]: readonly [T, ...T[]], work: (one: T) => Promise<R>) {
  const working: [Promise<R>, ...Promise<R>[]] = [work(first), ...others.map(work)]
  return Promise.all(working)
}

function exchangeRules(settings: Settings) {
  const listed = settings.issuers
  const gitHubIssuers = new Set(listed.filter(({ github }) => github).map(({ issuer }) => issuer))
  const named = new Set(listed.filter(({ keys }) => keys !== undefined).map(({ issuer }) => issuer))
  const owners = new Set(settings.allowedOwners.map(nameKey))
  const { allowedIssuers } = settings
  return {
    domain: settings.domain,
    policyRepository: settings.policyRepository,
    requireTrustedIssuers: settings.requireTrustedIssuers,
    policySources: settings.policySources,
    maxTokenAgeMs: settings.maxTokenAgeMs,
    issuerRules: { allowLoopback: settings.allowLoopbackIssuers, named },
    isIssuerAllowed: (issuer: string) =>
      allowedIssuers.length === 0 || allowedIssuers.some((rule) => rule.matches(issuer)),
    isOwnerAllowed: (owner: string) => owners.size === 0 || owners.has(nameKey(owner)),
    isGitHubIssuer: (issuer: string) => isGitHubActionsIssuer(issuer) || gitHubIssuers.has(issuer),
    repoPolicyOrgPermissions: settings.repoPolicyOrgPermissions,
    maxPermissions: settings.maxPermissions,
    selfWrite: settings.selfWrite,
    denialDetail: settings.denialDetail,
    maxRefreshAgeMs: settings.maxRefreshAgeMs,
  } as const
}

/** Of the store, unless the operator wants them in memory although there is one. */
async function affinitiesOf(
  stores: Stores,
  { stickyStore }: Settings,
  needs: { readonly clock: Clock; readonly log: Logger },
): Promise<Affinities> {
  if (stickyStore === 'store' || stores.kind === 'memory') return stores.affinities
  return (await openStores({ ...needs, address: undefined })).affinities
}

/** The operator's keys, or one of this process alone, which another process or the next start does not know. */
function refreshTokenKeys(
  { refreshTokenKeys: [first, ...others], storeUrl }: Settings,
  log: Logger,
): [Uint8Array, ...Uint8Array[]] {
  if (storeUrl === undefined)
    log.warn('STORE_URL is not set: refresh tokens are known to this process alone, and until it ends')
  if (first !== undefined) return [first, ...others]
  log.warn(
    'REFRESH_TOKEN_KEYS is not set: refresh tokens are sealed with a random key of this process, and die with it',
  )
  return [randomBytes(KEY_BYTES)]
}

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
