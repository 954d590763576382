import type { Grant } from '../exchange/ports.ts'
import type { Permissions } from '../terms/permissions.ts'

/**
 * The body of a mint's request. A policy grants the same each time, so that its last one is kept for as long as its
 * permissions are, and is made anew for other repositories. An empty list would mean all that the installation has; the
 * type has none, and `all` leaves the member out.
 */
export function mintBody({ permissions, repositories }: Pick<Grant, 'permissions' | 'repositories'>): string {
  const last = bodies.get(permissions)
  if (last !== undefined && areSame(last.repositories, repositories)) return last.text
  const text = JSON.stringify(repositories === 'all' ? { permissions } : { permissions, repositories })
  bodies.set(permissions, { repositories, text })
  return text
}

const bodies = new WeakMap<Permissions, { readonly repositories: Grant['repositories']; readonly text: string }>()

function areSame(some: Grant['repositories'], others: Grant['repositories']): boolean {
  if (some === others) return true
  if (some === 'all' || others === 'all' || some.length !== others.length) return false
  return some.every((name, index) => name === others[index])
}
