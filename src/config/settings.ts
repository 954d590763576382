import { LOG_LEVELS, type LogLevel } from '../runtime/log.ts'
import type { AppKey, Secret } from '../terms/app-key.ts'
import type { Level } from '../terms/permissions.ts'
import type { VaultSettings } from '../terms/vault-settings.ts'
import { type IssuersFileNeeds, type ListedIssuer, readIssuersFile } from './issuers-file.ts'
import { createReader, type ReaderNeeds } from './reader.ts'
import { readStoreSettings, type StoreSettings, type StoreSettingsNeeds } from './store-settings.ts'
import {
  readApiUrl,
  readBoolean,
  readDomain,
  readDuration,
  readHttpUrl,
  readInteger,
  readOneOf,
  readRepositoryName,
  splitList,
} from './values.ts'

/** What the operator chose, checked. */
export interface Settings extends StoreSettings {
  readonly port: number
  readonly domain: string
  readonly pools: AppPools
  /** undefined: neither a key nor a secret is in Vault. */
  readonly vault: VaultSettings | undefined
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
  readonly metrics: { readonly port: number } | undefined
  readonly denialDetail: 'auto' | 'full'
  readonly stalePolicyMaxMs: number
  /** The operator says that no other process serves these exchanges. */
  readonly singleProcess: boolean
  readonly eventSink: string | undefined
  readonly tls: { readonly certFile: string; readonly keyFile: string } | undefined
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

export interface WebhookSettings {
  /** Each is accepted, so that they can be rotated. */
  readonly secrets: readonly [Secret, ...Secret[]]
  /** In lower case; empty: every organization. */
  readonly organizations: readonly string[]
  /** SHA-1 signatures are accepted too. */
  readonly allowSha1: boolean
}

/** A text that must be equal, or an RE2 pattern that must match all of it. */
export interface TextRule {
  matches(text: string): boolean
}

export interface SettingsNeeds
  extends ReaderNeeds,
    StoreSettingsNeeds,
    Pick<IssuersFileNeeds, 'isPublicKey' | 'checkCertificate'> {
  /** Compiles an RE2 pattern; throws an Error that says what is wrong with it. */
  readonly compilePattern: (source: string) => TextRule
  /** Throws an Error that says what is wrong with a private key. */
  readonly checkPrivateKey: (pem: string) => void
}

/** Reads the settings of `octo-sts serve`. Throws a ConfigurationError that names every variable at fault. */
export function readSettings(needs: SettingsNeeds): Settings {
  const reader = createReader(needs)
  const { problems, text, read, required, file } = reader

  function privateKey(): string {
    for (const name of UNSUPPORTED_KEYS) {
      if (text(name) !== undefined)
        problems.push(
          `${name} is not supported by this version: use APP_SECRET_CERTIFICATE_FILE or APP_SECRET_CERTIFICATE_ENV_VAR`,
        )
    }
    const [byFile, byText] = [text('APP_SECRET_CERTIFICATE_FILE'), text('APP_SECRET_CERTIFICATE_ENV_VAR')]
    if (byFile === undefined && byText === undefined) {
      problems.push(
        "APP_SECRET_CERTIFICATE_FILE must be set: the path of the GitHub App's private key (PEM); or APP_SECRET_CERTIFICATE_ENV_VAR, with the PEM text itself",
      )
      return ''
    }
    if (byFile !== undefined && byText !== undefined) {
      problems.push('APP_SECRET_CERTIFICATE_FILE and APP_SECRET_CERTIFICATE_ENV_VAR exclude each other: set one')
      return ''
    }
    const name = byFile === undefined ? 'APP_SECRET_CERTIFICATE_ENV_VAR' : 'APP_SECRET_CERTIFICATE_FILE'
    const pem = byText ?? file('APP_SECRET_CERTIFICATE_FILE')
    if (pem === undefined) return ''
    try {
      needs.checkPrivateKey(pem)
    } catch (error) {
      problems.push(`${name} holds no usable private key: ${error instanceof Error ? error.message : 'unreadable'}`)
    }
    return pem
  }

  function appId(): number {
    const ids = splitList(text('GITHUB_APP_IDS') ?? '')
    if (ids.length === 0) {
      problems.push(
        `GITHUB_APP_IDS must be set: the id of the GitHub App${text('GITHUB_APP_ID') === undefined ? '' : ' (GITHUB_APP_ID is not read)'}`,
      )
      return 0
    }
    if (ids.length > 1) problems.push(`GITHUB_APP_IDS names ${ids.length} Apps: this version serves one`)
    const reading = readInteger(1, Number.MAX_SAFE_INTEGER)(ids[0] ?? '')
    if ('value' in reading) return reading.value
    problems.push(`GITHUB_APP_IDS ${reading.problem}`)
    return 0
  }

  /** Of nothing but commas, as a template of empty variables leaves them, it would let in everything. */
  function allowList(name: string): readonly string[] {
    const value = text(name)
    if (value === undefined) return []
    const entries = splitList(value)
    if (entries.length === 0) problems.push(`${name} names none: leave it empty to allow all`)
    return entries
  }

  function allowedIssuers(): readonly TextRule[] {
    return allowList('ALLOWED_ISSUERS').flatMap((entry) => {
      if (PLAIN_ISSUER.test(entry)) return [{ matches: (issuer: string) => issuer === entry }]
      try {
        return [needs.compilePattern(entry)]
      } catch (error) {
        problems.push(
          `ALLOWED_ISSUERS has the pattern ${JSON.stringify(entry)}: ${error instanceof Error ? error.message : 'invalid'}`,
        )
        return []
      }
    })
  }

  function allowedOwners(): readonly string[] {
    const owners = allowList('ALLOWED_OWNERS')
    for (const owner of owners) {
      if (!/^[A-Za-z0-9_-]{1,100}$/.test(owner))
        problems.push(`ALLOWED_OWNERS has ${JSON.stringify(owner)}, which is no name of an organization or a user`)
    }
    return owners
  }

  function tls(): Settings['tls'] {
    const [certFile, keyFile] = [text('TLS_CERT_FILE'), text('TLS_KEY_FILE')]
    if (certFile === undefined && keyFile === undefined) return undefined
    if (certFile === undefined || keyFile === undefined) {
      problems.push(
        `${certFile === undefined ? 'TLS_CERT_FILE' : 'TLS_KEY_FILE'} must be set too: a certificate and its key belong together`,
      )
      return undefined
    }
    file('TLS_CERT_FILE')
    file('TLS_KEY_FILE')
    return { certFile, keyFile }
  }

  function issuers(): readonly ListedIssuer[] {
    const path = text('ISSUERS_FILE')
    const content = file('ISSUERS_FILE')
    if (path === undefined || content === undefined) return []
    const { issuers: listed, problems: found } = readIssuersFile(content, { ...needs, path })
    problems.push(...found.map((problem) => `ISSUERS_FILE ${problem}`))
    return listed
  }

  for (const name of GUARDRAILS_NOT_YET) {
    if (text(name) !== undefined) {
      problems.push(`${name} is not supported by this version: unset it, because nothing would keep what it promises`)
    }
  }
  const metrics = read('METRICS', readBoolean, true)
  const sink = read('EVENT_INGRESS_URI', readHttpUrl, '')
  const metricsPort = read('METRICS_PORT', readInteger(0, 65_535), 2112)
  if (text('OCTOSTS_STICKY_STORE') === 'firestore')
    problems.push('OCTOSTS_STICKY_STORE firestore is not offered: use STORE_URL with Valkey or Redis')

  const settings: Settings = {
    port: read('PORT', readInteger(0, 65_535), 8080),
    domain: required('STS_DOMAIN', readDomain, {
      what: 'the name under which callers reach this service, which is also the audience they ask tokens for',
      blank: '',
    }),
    pools: new Map([['*', [{ id: appId(), key: { kind: 'pem', pem: privateKey() } }]]]),
    vault: undefined,
    githubBaseUrl: read('GITHUB_BASE_URL', readApiUrl, 'https://api.github.com'),
    policyRepository: read('ORG_POLICY_REPO', readRepositoryName, '.github'),
    issuers: issuers(),
    allowLoopbackIssuers: read('ALLOW_LOOPBACK_ISSUERS', readBoolean, false),
    allowedIssuers: allowedIssuers(),
    allowedOwners: allowedOwners(),
    repoPolicyOrgPermissions: read('REPO_POLICY_ORG_PERMISSIONS', readOneOf(['none', 'read', 'write']), 'read'),
    maxPermissions: undefined,
    policySources: 'both',
    selfWrite: 'allow',
    maxTokenAgeMs: undefined,
    requireTrustedIssuers: false,
    quota: { softFloor: 5000, hardFloor: 1500, staleMs: 300_000 },
    stickyStore: 'memory',
    webhook: undefined,
    metrics: metrics ? { port: metricsPort } : undefined,
    denialDetail: read('DENIAL_DETAIL', readOneOf(['auto', 'full']), 'auto'),
    stalePolicyMaxMs: read('STALE_POLICY_MAX', readDuration, 3_600_000),
    ...readStoreSettings(reader, needs),
    singleProcess: read('SINGLE_PROCESS', readBoolean, false),
    eventSink: metrics && sink !== '' ? sink : undefined,
    tls: tls(),
    shutdownGraceMs: read('SHUTDOWN_GRACE', readDuration, 10_000),
    logLevel: read('LOG_LEVEL', readOneOf(LOG_LEVELS), 'info'),
    notes: NOT_YET.filter((name) => text(name) !== undefined).map((name) => `${name} has no effect in this version`),
  }
  reader.finish()
  return settings
}

/**
 * An entry that can be an issuer is compared as such: in a pattern each dot would match anything. Brackets are an issuer's
 * only around an IPv6 address, elsewhere they are a pattern's.
 */
const PLAIN_ISSUER =
  /^https?:\/\/(?:\[[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*\]|[A-Za-z0-9._-]+)(?::\d+)?(?:\/[A-Za-z0-9._~/-]*)?$/

/** Limits that are to come: whoever sets one relies on it, so that it must not be ignored. */
const GUARDRAILS_NOT_YET = [
  'MAX_PERMISSIONS',
  'MAX_TOKEN_AGE',
  'POLICY_SOURCES',
  'REQUIRE_TRUSTED_ISSUERS',
  'SELF_WRITE',
] as const

const UNSUPPORTED_KEYS = ['KMS_KEYS', 'APP_CONFIG_FILE'] as const

/** Names of other versions and of the reference that a deployment may have set: said at start, so that nobody relies on them. */
const NOT_YET = [
  'GITHUB_WEBHOOK_SECRET',
  'GITHUB_WEBHOOK_ORGANIZATION_FILTER',
  'OCTOSTS_QUOTA_FLOOR_SOFT',
  'OCTOSTS_QUOTA_FLOOR_HARD',
  'OCTOSTS_QUOTA_STALE',
  'OCTOSTS_STICKY_STORE',
  'METRICS_PORT',
] as const
