import { composeService, SETTINGS_NEEDS, type Service } from '../compose.ts'
import { readSettings, type Settings } from '../config/settings.ts'
import type { Clock } from '../exchange/ports.ts'
import { systemClock } from '../runtime/clock.ts'
import type { Logger } from '../runtime/log.ts'
import type { AppOptions } from '../sandbox/apps.ts'
import { createSandboxGitHub, type SandboxGitHub, type SandboxGitHubOptions } from '../sandbox/github.ts'
import { createSandboxIssuer, type SandboxIssuer, type SandboxIssuerOptions } from '../sandbox/issuer.ts'

export interface StackOptions {
  readonly log: Logger
  /** Of all three; the machine's when absent. */
  readonly clock?: Clock
  /** Where the service listens: loopback when absent. */
  readonly host?: string
  /** The service's port is this process's own, even of a worker's. */
  readonly exclusive?: boolean
  /** Whatever of the service's settings is to differ. */
  readonly settings?: Partial<Settings>
  readonly github?: SandboxGitHubOptions
  /** Apps beside GitHub's first one, all of which serve every owner. */
  readonly moreApps?: readonly AppOptions[]
  readonly issuer?: SandboxIssuerOptions
}

/** The whole: the service, and the world it works in. */
export interface Stack {
  readonly service: Service
  readonly settings: Settings
  readonly github: SandboxGitHub
  readonly issuer: SandboxIssuer
  close(): Promise<void>
}

/** Starts an embedded GitHub, an embedded issuer, and the service on top of them, ready when this resolves. */
export async function startStack({
  log,
  host = '127.0.0.1',
  clock = systemClock,
  exclusive = false,
  ...options
}: StackOptions): Promise<Stack> {
  const github = await createSandboxGitHub({ clock, ...options.github })
  const issuer = await createSandboxIssuer({ clock, audience: SANDBOX_DOMAIN, ...options.issuer })
  for (const app of options.moreApps ?? []) await github.addApp(app)
  const settings: Settings = {
    ...readSettings({ ...SETTINGS_NEEDS, env: environmentFor(github), readFile: () => '' }),
    pools: poolOf(github),
    issuers: [{ issuer: issuer.url, github: true }],
    ...options.settings,
  }
  const service = await composeService(settings, { log, host, clock, exclusive })
  await service.keyProved
  return {
    service,
    settings,
    github,
    issuer,
    async close() {
      await service.close()
      await Promise.all([github.close(), issuer.close()])
    },
  }
}

function poolOf({ apps }: SandboxGitHub): Settings['pools'] {
  const [first, ...others] = apps.map(({ id, privateKeyPem: pem }) => ({ id, key: { kind: 'pem', pem } as const }))
  return first === undefined ? new Map() : new Map([['*', [first, ...others]]])
}

function environmentFor({ app, url }: SandboxGitHub): Record<string, string> {
  return {
    PORT: '0',
    METRICS_PORT: '0',
    STS_DOMAIN: SANDBOX_DOMAIN,
    GITHUB_APP_IDS: String(app.id),
    GITHUB_BASE_URL: url,
    APP_SECRET_CERTIFICATE_ENV_VAR: app.privateKeyPem,
    ALLOW_LOOPBACK_ISSUERS: 'true',
  }
}

/** What callers of the sandbox put into `aud`. */
const SANDBOX_DOMAIN = 'octo-sts.localhost'
