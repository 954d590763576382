import { createInterned } from './interned.ts'
import { nearest } from './nearest.ts'
import { quote } from './text.ts'

/** GitHub's access levels of a permission, weakest first. */
export type Level = 'read' | 'write' | 'admin'

/** Permission name to level, never empty: to GitHub an empty object means *everything the installation has*. */
export type Permissions = Readonly<Record<string, Level>> & { readonly __brand: 'Permissions' }

/** The entries as `Permissions`, or undefined when there are none. Names become own properties only. */
export function permissionsOf(entries: Iterable<readonly [string, Level]>): Permissions | undefined {
  const permissions = Object.fromEntries(entries)
  return Object.keys(permissions).length === 0 ? undefined : permissionsIn(JSON.stringify(permissions))
}

const permissionsIn = createInterned((text) => Object.freeze(JSON.parse(text) as Permissions))

export function isLevel(text: string): text is Level {
  return Object.hasOwn(RANK, text)
}

/** True when `held` allows all that `wanted` does. */
export function covers(held: Level, wanted: Level): boolean {
  return RANK[held] >= RANK[wanted]
}

export function levelOf(permissions: Permissions, name: string): Level | undefined {
  return Object.hasOwn(permissions, name) ? permissions[name] : undefined
}

/** `published`: GitHub documents the name; `accepted`: only the reference implementation knows it, GitHub decides. */
export type Standing = 'published' | 'accepted' | 'unknown'

export function standingOf(name: string): Standing {
  if (Object.hasOwn(PUBLISHED, name)) return 'published'
  return ACCEPTED.has(name) ? 'accepted' : 'unknown'
}

/** What is wrong with a permission of a policy or a `cap`, with a suggestion where one is near; undefined when nothing is. */
export function permissionFault(name: string, level: string): string | undefined {
  const standing = standingOf(name)
  if (standing === 'unknown') {
    const near = nearest(name, [...Object.keys(PUBLISHED), ...ACCEPTED])
    return `${quote(name)} is not a permission of GitHub Apps${near === undefined ? '' : `; did you mean "${near}"?`}`
  }
  if (!isLevel(level))
    return `permission ${quote(name)} has the level ${quote(level)}; levels are read, write and admin`
  const levels = standing === 'published' ? publishedLevels(name) : undefined
  if (levels === undefined || levels.includes(level)) return undefined
  return `permission "${name}" has no level "${level}"; GitHub publishes ${levels.join(', ')}`
}

/** Levels that GitHub publishes for a permission; empty for a name it does not publish. */
export function publishedLevels(name: string): readonly Level[] {
  return Object.hasOwn(PUBLISHED, name) ? (PUBLISHED[name] ?? []) : []
}

/** Names that GitHub publishes. */
export function publishedNames(): readonly string[] {
  return Object.keys(PUBLISHED)
}

/** Permissions over an organization or an enterprise, which no single repository should be able to hand out. */
export function isOrganizationPermission(name: string): boolean {
  return (
    name.startsWith('organization_') ||
    name.startsWith('enterprise_') ||
    name.endsWith('_for_organizations') ||
    name === 'members' ||
    name === 'team_discussions'
  )
}

const RANK = { read: 1, write: 2, admin: 3 } as const satisfies Record<Level, number>

/** Names and levels of `app-permissions` in GitHub's OpenAPI description; a check in CI compares the two. */
const PUBLISHED: Readonly<Record<string, readonly Level[]>> = {
  actions: ['read', 'write'],
  administration: ['read', 'write'],
  artifact_metadata: ['read', 'write'],
  attestations: ['read', 'write'],
  checks: ['read', 'write'],
  code_quality: ['read', 'write'],
  codespaces: ['read', 'write'],
  contents: ['read', 'write'],
  custom_properties_for_organizations: ['read', 'write'],
  dependabot_secrets: ['read', 'write'],
  deployments: ['read', 'write'],
  discussions: ['read', 'write'],
  email_addresses: ['read', 'write'],
  enterprise_custom_properties_for_organizations: ['read', 'write', 'admin'],
  environments: ['read', 'write'],
  followers: ['read', 'write'],
  git_ssh_keys: ['read', 'write'],
  gpg_keys: ['read', 'write'],
  interaction_limits: ['read', 'write'],
  issues: ['read', 'write'],
  members: ['read', 'write'],
  merge_queues: ['read', 'write'],
  metadata: ['read', 'write'],
  organization_administration: ['read', 'write'],
  organization_announcement_banners: ['read', 'write'],
  organization_copilot_agent_settings: ['read', 'write'],
  organization_copilot_seat_management: ['read', 'write'],
  organization_custom_org_roles: ['read', 'write'],
  organization_custom_properties: ['read', 'write', 'admin'],
  organization_custom_roles: ['read', 'write'],
  organization_events: ['read'],
  organization_hooks: ['read', 'write'],
  organization_packages: ['read', 'write'],
  organization_personal_access_token_requests: ['read', 'write'],
  organization_personal_access_tokens: ['read', 'write'],
  organization_plan: ['read'],
  organization_projects: ['read', 'write', 'admin'],
  organization_secrets: ['read', 'write'],
  organization_self_hosted_runners: ['read', 'write'],
  organization_user_blocking: ['read', 'write'],
  packages: ['read', 'write'],
  pages: ['read', 'write'],
  profile: ['write'],
  pull_requests: ['read', 'write'],
  repository_custom_properties: ['read', 'write'],
  repository_hooks: ['read', 'write'],
  repository_projects: ['read', 'write', 'admin'],
  secret_scanning_alerts: ['read', 'write'],
  secrets: ['read', 'write'],
  security_events: ['read', 'write'],
  single_file: ['read', 'write'],
  starring: ['read', 'write'],
  statuses: ['read', 'write'],
  vulnerability_alerts: ['read', 'write'],
  workflows: ['write'],
}

/** Names that the reference implementation takes although GitHub's description has them not: a policy may use them. */
const ACCEPTED: ReadonlySet<string> = new Set([
  'actions_variables',
  'blocking',
  'codespaces_lifecycle_admin',
  'codespaces_metadata',
  'codespaces_secrets',
  'codespaces_user_secrets',
  'content_references',
  'copilot_messages',
  'emails',
  'gists',
  'git_signing_ssh_public_keys',
  'keys',
  'organization_actions_variables',
  'organization_api_insights',
  'organization_codespaces',
  'organization_codespaces_secrets',
  'organization_codespaces_settings',
  'organization_copilot_metrics',
  'organization_dependabot_secrets',
  'organization_knowledge_bases',
  'organization_pre_receive_hooks',
  'plan',
  'repository_advisories',
  'repository_pre_receive_hooks',
  'team_discussions',
  'user_events',
  'watching',
])
