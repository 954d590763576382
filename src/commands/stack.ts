import { composeService, type Service } from '../compose.ts'
import type { Settings } from '../config/settings.ts'
import type { Logger } from '../runtime/log.ts'
import { createSandboxGitHub, type SandboxGitHub, type SandboxGitHubOptions } from '../sandbox/github.ts'
import { createSandboxIssuer, type SandboxIssuer, type SandboxIssuerOptions } from '../sandbox/issuer.ts'

export interface StackOptions {
  readonly log: Logger
  /** Where the service listens: loopback when absent. */
  readonly host?: string
  /** Whatever of the service's settings is to differ. */
  readonly settings?: Partial<Settings>
  readonly github?: SandboxGitHubOptions
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
  settings: change,
  github: options,
}: StackOptions): Promise<Stack> {
  const github = await createSandboxGitHub(options)
  const issuer = await createSandboxIssuer({ audience: SANDBOX_DOMAIN })
  const settings: Settings = {
    port: 0,
    domain: SANDBOX_DOMAIN,
    app: { id: github.app.id, privateKey: github.app.privateKeyPem },
    githubBaseUrl: github.url,
    policyRepository: '.github',
    issuers: [{ issuer: issuer.url, github: true }],
    allowLoopbackIssuers: true,
    allowedIssuers: [],
    allowedOwners: [],
    repoPolicyOrgPermissions: 'read',
    denialDetail: 'auto',
    stalePolicyMaxMs: 3_600_000,
    eventSink: undefined,
    tls: undefined,
    shutdownGraceMs: 10_000,
    logLevel: 'info',
    notes: [],
    ...change,
  }
  const service = await composeService(settings, { log, host })
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

/** What callers of the sandbox put into `aud`. */
export const SANDBOX_DOMAIN = 'octo-sts.localhost'
