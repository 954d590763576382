import { randomBytes, randomInt } from 'node:crypto'
import { covers, isLevel, publishedLevels, standingOf } from '../terms/permissions.ts'
import { nameKey } from '../terms/scope.ts'
import { GitHubError } from './github-answer.ts'
import type { GitHubState, Granted, Installation, Repository } from './github-state.ts'
import { invalid, isRecord, objectBody } from './request-body.ts'

export interface IssuedToken {
  readonly token: string
  readonly installationId: number
  readonly permissions: Granted
  /** Ids; `all` is all that the installation has. */
  readonly repositories: ReadonlySet<number> | 'all'
  readonly expiresAt: Date
  revoked: boolean
}

/** The two forms GitHub issues: 40 characters, and since April 2026 a long one that carries a JWT. */
export type TokenForm = 'opaque' | 'stateless'

/** What a mint asks for, after its JSON was checked. Empty means everything, as at GitHub. */
export interface TokenRequest {
  readonly permissions: Granted
  readonly repositories: readonly string[]
  readonly repositoryIds: readonly number[]
}

/** Issues, finds and revokes installation tokens. They live for an hour by the clock. */
export type TokenOffice = ReturnType<typeof createTokenOffice>

export function createTokenOffice(state: GitHubState, now: () => number) {
  const tokens = new Map<string, IssuedToken>()
  return {
    tokens: tokens as ReadonlyMap<string, IssuedToken>,

    issue(installation: Installation, request: TokenRequest, form: TokenForm): IssuedToken {
      const asked = selectRepositories(state, installation, request)
      const issued: IssuedToken = {
        token: form === 'opaque' ? opaqueToken() : statelessToken(installation.app.id, installation.id),
        installationId: installation.id,
        permissions: selectPermissions(installation, request.permissions),
        repositories: asked ?? installation.repositories,
        expiresAt: new Date(Math.floor((now() + LIFETIME_MS) / 1000) * 1000),
        revoked: false,
      }
      tokens.set(issued.token, issued)
      if (tokens.size > MOST_REMEMBERED) tokens.delete(tokens.keys().next().value ?? '')
      return issued
    },

    /** Undefined for a token that was never issued, has expired, was revoked, or whose installation is gone. */
    find(token: string): IssuedToken | undefined {
      const found = tokens.get(token)
      if (found === undefined || found.revoked || found.expiresAt.getTime() <= now()) return undefined
      return state.installations.has(found.installationId) ? found : undefined
    },
  }
}

/** The body of a mint, checked as GitHub checks it: unknown members, permissions and levels are 422, no object is 400. */
export function parseTokenRequest(body: unknown): TokenRequest {
  if (body === undefined) return { permissions: {}, repositories: [], repositoryIds: [] }
  const object = objectBody(body)
  for (const key of Object.keys(object)) {
    if (!MEMBERS.has(key)) throw invalid(`${JSON.stringify(key)} is not a permitted key.`)
  }
  return {
    permissions: parsePermissions(object['permissions'] ?? {}),
    repositories: listOf(object, 'repositories', (name) => typeof name === 'string'),
    repositoryIds: listOf(object, 'repository_ids', (id) => typeof id === 'number'),
  }
}

/** True when the token may see this repository's private side. */
export function reaches(token: IssuedToken, repository: Repository, installation: Installation): boolean {
  if (repository.owner !== installation.account) return false
  const selected = installation.repositories === 'all' || installation.repositories.has(repository.id)
  return selected && (token.repositories === 'all' || token.repositories.has(repository.id))
}

const LIFETIME_MS = 3_600_000
/** So that a load test does not fill the memory; the oldest token is forgotten then, and refused. */
const MOST_REMEMBERED = 100_000
/** "Up to 500 repositories": docs.github.com, "Create an installation access token for an app". */
const MOST_REPOSITORIES = 500
/** Also what GitHub says of a permission that does not exist (martinbaillie/vault-plugin-secrets-github, issue 101). */
const NOT_GRANTED = 'The permissions requested are not granted to this installation.'
const MEMBERS: ReadonlySet<string> = new Set(['permissions', 'repositories', 'repository_ids'])
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'

/** The ids asked for, or undefined when the request names none. */
function selectRepositories(
  state: GitHubState,
  installation: Installation,
  { repositories, repositoryIds }: TokenRequest,
): ReadonlySet<number> | undefined {
  if (repositories.length + repositoryIds.length === 0) return undefined
  if (repositories.length + repositoryIds.length > MOST_REPOSITORIES) {
    throw new GitHubError(422, `A token can be limited to at most ${MOST_REPOSITORIES} repositories.`)
  }
  const owned = new Map<string | number, Repository>()
  for (const repository of state.repositoriesOf(installation.account)) {
    if (installation.repositories !== 'all' && !installation.repositories.has(repository.id)) continue
    owned.set(nameKey(repository.name), repository).set(repository.id, repository)
  }
  const found = [...repositories.map(nameKey), ...repositoryIds].map((key) => owned.get(key)?.id)
  if (found.includes(undefined)) {
    throw new GitHubError(
      422,
      'There is at least one repository that does not exist or is not accessible to the parent installation.',
    )
  }
  return new Set(found.filter((id) => id !== undefined))
}

function selectPermissions(installation: Installation, asked: Granted): Granted {
  if (Object.keys(asked).length === 0) return installation.permissions
  for (const [name, level] of Object.entries(asked)) {
    const held = Object.hasOwn(installation.permissions, name) ? installation.permissions[name] : undefined
    if (held === undefined || !covers(held, level)) {
      throw new GitHubError(422, NOT_GRANTED)
    }
  }
  return { ...asked, metadata: asked['metadata'] ?? 'read' }
}

function parsePermissions(value: unknown): Granted {
  if (!isRecord(value)) throw invalid(`For 'properties/permissions', ${JSON.stringify(value)} is not an object.`)
  const entries = Object.entries(value).map(([name, level]) => {
    const standing = standingOf(name)
    if (standing === 'unknown') throw new GitHubError(422, NOT_GRANTED)
    const levels = standing === 'published' ? publishedLevels(name) : ANY_LEVEL
    if (typeof level !== 'string' || !isLevel(level) || !levels.includes(level)) {
      throw invalid(`For 'permissions/${name}', ${JSON.stringify(level)} is not a member of ${JSON.stringify(levels)}.`)
    }
    return [name, level] as const
  })
  return Object.fromEntries(entries)
}

const ANY_LEVEL = ['read', 'write', 'admin'] as const

function listOf<T>(body: Readonly<Record<string, unknown>>, name: string, fits: (item: unknown) => item is T) {
  const value = body[name] ?? []
  if (!Array.isArray(value)) throw invalid(`For 'properties/${name}', ${JSON.stringify(value)} is not an array.`)
  const items: readonly unknown[] = value
  if (!items.every(fits)) throw invalid(`For 'properties/${name}', an item is of the wrong type.`)
  return items
}

function opaqueToken(): string {
  return `ghs_${Array.from({ length: 36 }, () => ALPHABET[randomInt(ALPHABET.length)]).join('')}`
}

/** About 520 characters: nobody may rely on a token's length or alphabet. Nothing here reads the JWT again. */
function statelessToken(appId: number, installationId: number): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const header = part({ alg: 'RS256', typ: 'JWT', kid: randomBytes(18).toString('hex') })
  const payload = part({ jti: randomBytes(12).toString('hex'), sub: installationId })
  return `ghs_${appId}_${header}.${payload}.${randomBytes(256).toString('base64url')}`
}
