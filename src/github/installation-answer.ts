import type { Installation } from '../exchange/ports.ts'
import { createInterned } from '../terms/interned.ts'
import { isJsonObject } from '../terms/json.ts'
import { covers, isLevel, type Permissions } from '../terms/permissions.ts'
import type { Answer } from './answer.ts'
import { unreadable } from './known-failures.ts'

/** An installation with what GitHub said of its reach. */
export interface KnownInstallation extends Installation {
  readonly suspended: boolean
  /** What its administrators granted, level by name; undefined when GitHub did not say. */
  readonly granted: ReadonlyMap<string, string> | undefined
}

/** Reads the answer of `GET /{orgs,users}/{name}/installation`; refuses anything else than GitHub's schema with `GITHUB_UNAVAILABLE`. */
export function parseInstallation(answer: Answer): KnownInstallation {
  const { body } = answer
  if (answer.status !== 200 || !isJsonObject(body)) throw unreadable('looking for the installation', answer)
  const { id, account, app_id: appId, app_slug: slug, suspended_at: suspendedAt, permissions } = body
  if (!isId(id) || !isId(appId) || typeof slug !== 'string' || !isJsonObject(account)) {
    throw unreadable('looking for the installation', answer)
  }
  const { id: accountId, login, type } = account
  if (!isId(accountId) || typeof login !== 'string' || (type !== 'Organization' && type !== 'User')) {
    throw unreadable('looking for the installation', answer)
  }
  return {
    id,
    account: { id: accountId, login, type: type === 'User' ? 'User' : 'Organization' }, // the word, and no copy of it
    app: { id: appId, slug },
    suspended: suspendedAt !== null && suspendedAt !== undefined,
    granted: isJsonObject(permissions) ? grantedIn(JSON.stringify(permissions)) : undefined,
  }
}

/** The first permission that was asked for and, as far as is known, is not granted to the installation. */
export function notGranted(installation: Installation, asked: Permissions): string | undefined {
  const granted = 'granted' in installation ? installation.granted : undefined
  if (!(granted instanceof Map)) return undefined
  return Object.keys(asked).find((name) => {
    const held: unknown = granted.get(name)
    const wanted = asked[name]
    return wanted !== undefined && !(typeof held === 'string' && isLevel(held) && covers(held, wanted))
  })
}

export function isId(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0
}

/** Nearly all installations of an App have been granted the same. */
const grantedIn = createInterned((json): ReadonlyMap<string, string> => {
  const permissions: Record<string, unknown> = JSON.parse(json)
  return new Map(Object.entries(permissions).filter((entry): entry is [string, string] => typeof entry[1] === 'string'))
})
