import type { LogLevel } from '../runtime/log.ts'
import type { AppKey, Secret } from '../terms/app-key.ts'
import type { Level } from '../terms/permissions.ts'
import { quote } from '../terms/text.ts'
import type { VaultSettings } from '../terms/vault-settings.ts'
import { readPools } from './app-pools.ts'
import type { ListedIssuer } from './issuers-file.ts'
import type { TextRule } from './list-values.ts'
import { createReader, type Reader, type ReaderNeeds } from './reader.ts'
import { type StoreSettings, storeSettingsOf } from './store-settings.ts'
import { wantsTraces } from './tracing-settings.ts'
import { VARIABLES, type VariablesNeeds } from './variable-table.ts'
import { readVaultSettings } from './vault-settings.ts'

/** What the operator chose, checked. */
export interface Settings extends StoreSettings {
  readonly port: number
  readonly domain: string
  readonly pools: AppPools
  readonly githubBaseUrl: string
  readonly policyRepository: string
  readonly issuers: readonly ListedIssuer[]
  readonly allowLoopbackIssuers: boolean
  /** Empty: every issuer. */
  readonly allowedIssuers: readonly TextRule[]
  /** Empty: every owner. */
  readonly allowedOwners: readonly string[]
  readonly repoPolicyOrgPermissions: 'none' | 'read' | 'write'
  /** The highest level of each permission; what it does not name is denied. undefined: no ceiling. */
  readonly maxPermissions: ReadonlyMap<string, Level> | undefined
  readonly policySources: 'repository' | 'organization' | 'both'
  readonly selfWrite: 'allow' | 'deny'
  /** How old a subject token may be, by its `iat`; undefined: as old as its `exp` allows. */
  readonly maxTokenAgeMs: number | undefined
  readonly requireTrustedIssuers: boolean
  readonly quota: QuotaRules
  /** Where is remembered which App minted a `checks: write` token. */
  readonly stickyStore: 'memory' | 'store'
  readonly webhook: WebhookSettings | undefined
  /** undefined: `METRICS=false`. */
  readonly metrics: MetricsSettings | undefined
  /** OpenTelemetry's variables ask for traces. */
  readonly tracing: boolean
  readonly denialDetail: 'auto' | 'full'
  readonly stalePolicyMaxMs: number
  /** The operator says that no other process serves these exchanges. */
  readonly singleProcess: boolean
  readonly eventSink: string | undefined
  /** Whether the sink gets a Google ID token; `auto`: where it is a host of Google's. */
  readonly eventAuth: 'auto' | 'google' | 'none'
  /** Where Vault is; undefined: no key and no secret is there. */
  readonly vault: VaultSettings | undefined
  readonly tls: { readonly certFile: string; readonly keyFile: string } | undefined
  /** How many processes serve the port; `auto`: as many as there are cores. */
  readonly workers: number | 'auto'
  /** Exchanges are tried against an embedded GitHub before the port is opened. */
  readonly selfExercise: boolean
  readonly shutdownGraceMs: number
  readonly logLevel: LogLevel
  /** Remarks that do not keep the server from starting. */
  readonly notes: readonly string[]
}

/** By the name of an owner in lower case, and `*` for all others; an owner without a pool is refused. */
export type AppPools = ReadonlyMap<string, readonly [ConfiguredApp, ...ConfiguredApp[]]>

export interface ConfiguredApp {
  readonly id: number
  readonly key: AppKey
}

/** How Apps of one pool take turns (`OCTOSTS_QUOTA_*`): by what GitHub says is left of their requests in the hour. */
export interface QuotaRules {
  readonly softFloor: number
  readonly hardFloor: number
  /** A reading that is older does not count. */
  readonly staleMs: number
}

export interface MetricsSettings {
  readonly port: number
  /** The operator named it, and relies on it: without it the service does not start. */
  readonly isChosen: boolean
}

export interface WebhookSettings {
  /** Each is accepted, so that they can be rotated. */
  readonly secrets: readonly [Secret, ...Secret[]]
  /** In lower case; empty: every organization. */
  readonly organizations: readonly string[]
  /** SHA-1 signatures are accepted too. */
  readonly allowSha1: boolean
}

/** What the variables' readers must ask other parts. */
export type SettingsNeeds = ReaderNeeds & VariablesNeeds

/** All that is to be known of a configuration, right or wrong. */
export interface Configuration {
  /** With defaults, and without Apps, where there are problems: only good to be used when there are none. */
  readonly settings: Settings
  /** Each behind the name of its variable, or its key in `CONFIG_FILE`. */
  readonly problems: readonly string[]
  readonly reader: Reader<typeof VARIABLES>
}

/** Reads the settings of `octo-sts serve`. Throws a ConfigurationError that names every variable at fault. */
export function readSettings(needs: SettingsNeeds): Settings {
  const { settings, reader } = readConfiguration(needs)
  reader.finish()
  return settings
}

/** The same without throwing. */
export function readConfiguration(needs: SettingsNeeds): Configuration {
  const reader = createReader(VARIABLES, { ...needs, all: VARIABLES })
  const { values } = reader
  const pools = readPools(reader, needs)
  const webhook = webhookOf(reader)
  const settings: Settings = {
    port: values.PORT,
    domain: reader.required('STS_DOMAIN', {
      what: 'the name under which callers reach this service, which is also the audience they ask tokens for',
      blank: '',
    }),
    pools,
    githubBaseUrl: values.GITHUB_BASE_URL,
    policyRepository: values.ORG_POLICY_REPO,
    issuers: values.ISSUERS_FILE ?? [],
    allowLoopbackIssuers: values.ALLOW_LOOPBACK_ISSUERS,
    allowedIssuers: values.ALLOWED_ISSUERS ?? [],
    allowedOwners: values.ALLOWED_OWNERS ?? [],
    repoPolicyOrgPermissions: values.REPO_POLICY_ORG_PERMISSIONS,
    maxPermissions: values.MAX_PERMISSIONS,
    policySources: values.POLICY_SOURCES,
    selfWrite: values.SELF_WRITE,
    maxTokenAgeMs: values.MAX_TOKEN_AGE,
    requireTrustedIssuers: values.REQUIRE_TRUSTED_ISSUERS,
    quota: quotaOf(reader),
    stickyStore: stickyStoreOf(reader),
    webhook,
    metrics: metricsOf(reader),
    tracing: wantsTraces(reader),
    denialDetail: values.DENIAL_DETAIL,
    stalePolicyMaxMs: values.STALE_POLICY_MAX,
    ...storeSettingsOf(reader),
    ...(canRefresh(reader) ? {} : { maxRefreshAgeMs: 0 }),
    singleProcess: singleProcessOf(reader),
    workers: values.WORKERS,
    selfExercise: values.SELF_EXERCISE,
    eventSink: values.METRICS ? values.EVENT_INGRESS_URI : undefined,
    eventAuth: eventAuthOf(reader),
    vault: usesVault(pools, webhook) ? readVaultSettings(reader) : undefined,
    tls: tlsOf(reader),
    shutdownGraceMs: values.SHUTDOWN_GRACE,
    logLevel: values.LOG_LEVEL,
    notes: [...notesOf(reader, webhook), ...misspelt(needs.env)],
  }
  return { settings, problems: reader.problems, reader }
}

type Variables = Reader<typeof VARIABLES>

function quotaOf({ values, fault, label }: Variables): QuotaRules {
  const quota = {
    softFloor: values.OCTOSTS_QUOTA_FLOOR_SOFT,
    hardFloor: values.OCTOSTS_QUOTA_FLOOR_HARD,
    staleMs: values.OCTOSTS_QUOTA_STALE,
  }
  if (quota.hardFloor > quota.softFloor) {
    const soft = `${label('OCTOSTS_QUOTA_FLOOR_SOFT')}, which is ${quota.softFloor}`
    fault('OCTOSTS_QUOTA_FLOOR_HARD', `is ${quota.hardFloor}: it must not be above ${soft}`)
  }
  return quota
}

function stickyStoreOf({ values, given, fault }: Variables): Settings['stickyStore'] {
  const hasStore = given('STORE_URL') !== undefined
  const choice = values.OCTOSTS_STICKY_STORE ?? (hasStore ? 'store' : 'memory')
  if (choice === 'store' && !hasStore)
    fault('OCTOSTS_STICKY_STORE', 'is store, which needs STORE_URL: a Valkey or Redis')
  return choice
}

/** Of several processes only one would know a refresh token, unless they share a store and the key that seals them. */
function canRefresh({ values, given }: Variables): boolean {
  if (values.WORKERS === 1) return true
  const keys = given('REFRESH_TOKEN_KEYS') ?? given('REFRESH_TOKEN_KEYS_FILE')
  return given('STORE_URL') !== undefined && keys !== undefined
}

function singleProcessOf({ values, given, fault, label }: Variables): boolean {
  if (values.SINGLE_PROCESS && values.WORKERS !== 1 && given('STORE_URL') === undefined)
    fault(
      'SINGLE_PROCESS',
      `is true, but ${label('WORKERS')} asks for several processes: unset it, and set STORE_URL for single_use policies`,
    )
  return values.SINGLE_PROCESS
}

function webhookOf({ values }: Variables): WebhookSettings | undefined {
  const [first, ...others] = values.GITHUB_WEBHOOK_SECRET ?? []
  if (first === undefined) return undefined
  return {
    secrets: [first, ...others],
    organizations: (values.GITHUB_WEBHOOK_ORGANIZATION_FILTER ?? []).map((name) => name.toLowerCase()),
    allowSha1: values.GITHUB_WEBHOOK_SHA1,
  }
}

function metricsOf({ values, given, fault, label }: Variables): Settings['metrics'] {
  const { METRICS: isOn, METRICS_PORT: port, PORT: main } = values
  if (!isOn) return undefined
  if (port !== 0 && port === main) fault('METRICS_PORT', `must differ from ${label('PORT')}, which is ${main} too`)
  return { port, isChosen: given('METRICS_PORT') !== undefined }
}

/** A token that names the service must not travel in the clear. */
function eventAuthOf({ values, fault, label }: Variables): Settings['eventAuth'] {
  const { EVENT_INGRESS_AUTH: auth, EVENT_INGRESS_URI: sink } = values
  if (auth === 'google' && sink?.startsWith('https:') !== true)
    fault('EVENT_INGRESS_AUTH', `is google, which needs ${label('EVENT_INGRESS_URI')} with https`)
  return auth
}

function tlsOf({ values, given, label, missing }: Variables): Settings['tls'] {
  const names = ['TLS_CERT_FILE', 'TLS_KEY_FILE'] as const
  const [absent, other] = names.filter((name) => given(name) === undefined)
  if (absent !== undefined && other === undefined) {
    const present = absent === 'TLS_CERT_FILE' ? 'TLS_KEY_FILE' : 'TLS_CERT_FILE'
    missing(`${absent} must be set too, beside ${label(present)}: a certificate and its key belong together`)
  }
  const { TLS_CERT_FILE: certificate, TLS_KEY_FILE: key } = values
  return certificate === undefined || key === undefined ? undefined : { certFile: certificate.path, keyFile: key.path }
}

function usesVault(pools: AppPools, webhook: WebhookSettings | undefined): boolean {
  const keys = [...pools.values()].flat().map(({ key }) => key)
  return [...keys, ...(webhook?.secrets ?? [])].some(
    (secret) =>
      (secret.kind === 'kms' && secret.provider === 'vault') ||
      (secret.kind === 'reference' && secret.reference.manager === 'vault'),
  )
}

/** What is no problem, but most likely not what was meant. */
function notesOf(variables: Variables, webhook: WebhookSettings | undefined): readonly string[] {
  const { given, label } = variables
  const short = (webhook?.secrets ?? []).flatMap((secret, index) =>
    secret.kind === 'text' && secret.text.length < WEBHOOK_SECRET_LENGTH
      ? [
          `${label('GITHUB_WEBHOOK_SECRET')} has a secret (number ${index + 1}) of fewer than ${WEBHOOK_SECRET_LENGTH} characters, which can be guessed: make one with "openssl rand -hex 32"`,
        ]
      : [],
  )
  const idle = [
    ...(webhook === undefined ? NEED_WEBHOOK.map((name) => [name, 'GITHUB_WEBHOOK_SECRET'] as const) : []),
    ...(given('KMS_KEYS') === undefined && given('APP_CONFIG_FILE') === undefined
      ? [['KMS_PROVIDER', 'KMS_KEYS or APP_CONFIG_FILE'] as const]
      : []),
  ].filter(([name]) => given(name) !== undefined)
  return [
    ...short,
    ...unshared(variables),
    ...idle.map(([name, other]) => `${label(name)} has no effect without ${other}`),
  ]
}

/** What several workers do without. */
function unshared(variables: Variables): readonly string[] {
  const { values, given, label } = variables
  if (values.WORKERS === 1) return []
  if (given('STORE_URL') === undefined) {
    return [
      `${label('WORKERS')} is ${values.WORKERS} without STORE_URL, so that the workers share no state: no refresh tokens are handed out, and single_use policies are refused`,
    ]
  }
  return canRefresh(variables)
    ? []
    : [
        `${label('WORKERS')} is ${values.WORKERS} without REFRESH_TOKEN_KEYS, which the workers must share: no refresh tokens are handed out`,
      ]
}

/** Variables that differ from ours in underscores, case or a final S: a limit that is misspelt would not be kept. */
function misspelt(env: ReaderNeeds['env']): readonly string[] {
  const known = new Map(Object.keys(VARIABLES).map((name) => [letters(name), name]))
  return Object.keys(env).flatMap((name) => {
    const meant = known.get(letters(name))
    return meant === undefined || meant === name || env[name]?.trim() === ''
      ? []
      : [`${quote(name)} is not read; did you mean ${meant}?`]
  })
}

function letters(name: string): string {
  return name.toUpperCase().replaceAll('_', '').replace(/S$/, '')
}

/** A secret of 16 random letters and digits has 95 bits. */
const WEBHOOK_SECRET_LENGTH = 16
const NEED_WEBHOOK = ['GITHUB_WEBHOOK_ORGANIZATION_FILTER', 'GITHUB_WEBHOOK_SHA1'] as const
