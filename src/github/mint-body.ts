import type { Grant } from '../exchange/ports.ts'
import type { Permissions } from '../terms/permissions.ts'

/**
 * The body of a mint's request. What it says of permissions is kept for as long as those are. An empty list would mean all
 * that the installation has; the type has none, and `all` leaves the member out.
 */
export function mintBody({ permissions, repositories }: Pick<Grant, 'permissions' | 'repositories'>): string {
  const member = texts.get(permissions) ?? memberOf(permissions)
  return repositories === 'all' ? `{${member}}` : `{${member},"repositories":${JSON.stringify(repositories)}}`
}

function memberOf(permissions: Permissions): string {
  const member = `"permissions":${JSON.stringify(permissions)}`
  texts.set(permissions, member)
  return member
}

const texts = new WeakMap<Permissions, string>()
