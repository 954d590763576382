import type { Grant } from '../exchange/ports.ts'
import { isJsonObject } from '../terms/json.ts'
import { covers, isLevel, levelOf, type Permissions } from '../terms/permissions.ts'
import { nameKey } from '../terms/scope.ts'
import { quote } from '../terms/text.ts'

/**
 * What is looked at of the JSON of an answer with a token, here and where the token is taken from it: a hundredth of what
 * GitHub tells of each repository.
 */
export function mintedPart(body: unknown): unknown {
  if (!isJsonObject(body)) return body
  const { token, expires_at, message, permissions, repository_selection, repositories } = body
  const named = Array.isArray(repositories) ? repositories.map(namesOf) : repositories
  return { token, expires_at, message, permissions, repository_selection, repositories: named }
}

function namesOf(repository: unknown): unknown {
  if (!isJsonObject(repository)) return repository
  const { name, owner } = repository
  return { name, owner: isJsonObject(owner) ? { login: owner['login'] } : owner }
}

/**
 * What GitHub's answer says the token may do beyond what was asked; undefined when there is nothing. `metadata: read` comes
 * with every token. What the answer does not state cannot be compared: older servers leave members out.
 */
export function excessOf(body: Readonly<Record<string, unknown>>, grant: Grant): string | undefined {
  return permissionExcess(body['permissions'], grant.permissions) ?? repositoryExcess(body, grant)
}

function permissionExcess(granted: unknown, asked: Permissions): string | undefined {
  if (granted === undefined) return undefined
  if (!isJsonObject(granted)) return 'the granted permissions are no object'
  for (const [name, level] of Object.entries(granted)) {
    const wanted = levelOf(asked, name) ?? (name === 'metadata' ? 'read' : undefined)
    const within = wanted !== undefined && typeof level === 'string' && isLevel(level) && covers(wanted, level)
    if (!within) return `permission ${quote(name)} is ${quote(String(level))}, asked was ${wanted ?? 'none'}`
  }
  return undefined
}

function repositoryExcess(body: Readonly<Record<string, unknown>>, grant: Grant): string | undefined {
  if (grant.repositories === 'all') return undefined
  if (body['repository_selection'] === 'all') return 'the token is for all repositories'
  const granted = body['repositories']
  if (granted === undefined) return undefined
  if (!Array.isArray(granted)) return 'the granted repositories are no list'
  const asked = new Set(grant.repositories.map(nameKey))
  for (const repository of granted as readonly unknown[]) {
    const name = isJsonObject(repository) ? repository['name'] : undefined
    if (typeof name !== 'string' || !asked.has(nameKey(name)))
      return `repository ${quote(String(name))} was not asked for`
  }
  return undefined
}

/**
 * True when the answer names a repository under another owner than was asked for. GitHub finds the names within the
 * installation's account, whatever that is called by now: after a rename the old name can be registered by a stranger, whose
 * public policy would then open the renamed account.
 */
export function isOfAnotherOwner(body: Readonly<Record<string, unknown>>, owner: string): boolean {
  const granted = body['repositories']
  if (!Array.isArray(granted)) return false
  return granted.some((repository: unknown) => {
    const account = isJsonObject(repository) ? repository['owner'] : undefined
    const login = isJsonObject(account) ? account['login'] : undefined
    return typeof login === 'string' && nameKey(login) !== nameKey(owner)
  })
}
