import { Denial } from '../terms/denial.ts'
import {
  covers,
  isLevel,
  type Level,
  levelOf,
  type Permissions,
  permissionFault,
  permissionsOf,
} from '../terms/permissions.ts'
import { quote } from '../terms/text.ts'

/** What a request's `cap` narrows a token to; undefined when it narrows nothing. */
export type Cap = ReadonlyMap<string, Level> | undefined

/**
 * Reads `cap`: entries `permission:level`. Entries without a colon are ignored, as the reference ignores them all.
 * Refuses `CAP_MALFORMED` (an unknown permission or level, one permission with two levels, more than 100 entries).
 */
export function parseCap(entries: readonly string[]): Cap {
  const narrowing = entries.filter((entry) => entry.includes(':'))
  if (narrowing.length > CAP_LIMIT) throw malformed(`more than ${CAP_LIMIT} entries`)
  const wanted = new Map<string, Level>()
  for (const entry of narrowing) {
    const colon = entry.indexOf(':')
    const [name, level] = [entry.slice(0, colon), entry.slice(colon + 1)]
    const fault = permissionFault(name, level)
    if (fault !== undefined) throw malformed(fault)
    if (!isLevel(level)) throw malformed(`${quote(level)} is not a level`)
    // Either level could be what the caller means, and the wider one would hand out more than the narrower asks for.
    if ((wanted.get(name) ?? level) !== level) throw malformed(`${quote(name)} is given with two levels`)
    wanted.set(name, level)
  }
  return wanted.size === 0 ? undefined : wanted
}

/**
 * The policy's permissions narrowed to those of the cap; never widened. Refuses `CAP_EXCEEDS_POLICY` (what the policy does
 * not grant, or not at that level).
 */
export function narrow(permissions: Permissions, cap: Cap): Permissions {
  if (cap === undefined) return permissions
  for (const [name, level] of cap) refuseUnlessGranted(permissions, name, level)
  return permissionsOf(cap) ?? permissions
}

/**
 * What is left of permissions by what an earlier request of the same family narrowed them to: the less of both. Undefined
 * when nothing is left, because the policy has been narrowed elsewhere meanwhile.
 */
export function restrict(permissions: Permissions, cap: Cap): Permissions | undefined {
  if (cap === undefined) return permissions
  const entries = [...cap].flatMap(([name, level]) => {
    const granted = levelOf(permissions, name)
    if (granted === undefined) return []
    return [[name, covers(granted, level) ? level : granted] as const]
  })
  return permissionsOf(entries)
}

function refuseUnlessGranted(permissions: Permissions, name: string, level: Level): void {
  const granted = levelOf(permissions, name)
  if (granted !== undefined && covers(granted, level)) return
  throw new Denial('CAP_EXCEEDS_POLICY', `cap "${name}:${level}" asks for more than the trust policy grants`, {
    field: 'cap',
    metadata: { permission: name, level },
  })
}

function malformed(fault: string): Denial {
  return new Denial('CAP_MALFORMED', `cap is not a list of "permission:level": ${fault}`, { field: 'cap' })
}

/** More than GitHub has permissions. */
const CAP_LIMIT = 100
