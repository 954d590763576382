import type { ExchangeRules } from '../exchange/exchange.ts'
import { isGitHubActionsIssuer } from '../terms/github-issuer.ts'
import { nameKey } from '../terms/scope.ts'
import type { Settings } from './settings.ts'

/** The settings as the rules by which exchanges are decided. */
export function exchangeRules(settings: Settings): ExchangeRules {
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
  }
}
