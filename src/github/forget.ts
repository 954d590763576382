import type { Change } from '../exchange/changes.ts'
import type { Clock } from '../exchange/ports.ts'
import { identityAt, TRUSTED_ISSUERS_PATH } from '../terms/identity.ts'
import { nameKey } from '../terms/scope.ts'
import type { AppPool } from './app-pool.ts'
import { createExpiring } from './expiring.ts'
import type { GitHub } from './github.ts'
import type { PolicyFiles } from './policy-files.ts'
import type { TrustedIssuersFiles } from './trusted-issuers-files.ts'

export interface ForgetOptions {
  readonly pool: AppPool
  readonly policies: PolicyFiles
  readonly trustedIssuers: TrustedIssuersFiles
  readonly policyRepository: string
  readonly clock: Clock
}

type Push = Extract<Change, { kind: 'policies' }>

/** Which part of what is remembered a change makes stale. */
export function createForget({
  pool,
  policies,
  trustedIssuers,
  policyRepository,
  clock,
}: ForgetOptions): Pick<GitHub, 'forget' | 'distrust'> {
  const isPolicyRepository = (repository: string) => nameKey(repository) === nameKey(policyRepository)

  const heard = createExpiring<true>(PUSHES_KEPT, clock)

  /**
   * True when what is known may well be from before the push. Each App is told of it, and it can be delivered again after
   * days: by then what is known is what the push left.
   */
  const isNews = ({ accountId, repository, push }: Push): boolean => {
    if (push === undefined) return true
    const key = `${accountId}/${nameKey(repository)}/${push.commit}`
    const isFirst = heard.get(key) === undefined
    heard.set(key, true, NEWS_MS)
    return isFirst && clock.now() < push.atMs + NEWS_MS
  }

  const forgetPolicies = (change: Push) => {
    const { accountId, owner, repository, paths } = change
    const distrust = paths !== 'all' && isNews(change)
    const identities = paths === 'all' ? 'all' : paths.flatMap((path) => identityAt(path) ?? [])
    if (identities === 'all' || identities.length > 0) {
      policies.forget({ accountId, repository }, identities, distrust)
      for (const id of installationIds(owner)) policies.forgetMisses(id, repository)
    }
    if (isPolicyRepository(repository) && (paths === 'all' || paths.includes(TRUSTED_ISSUERS_PATH)))
      trustedIssuers.forget(accountId, distrust)
  }

  const forgetInstallation = ({ accountId, owner }: Extract<Change, { kind: 'installation' }>) => {
    for (const id of installationIds(owner)) policies.forgetMisses(id)
    for (const { installations, readers, visible } of pool.all) {
      const known = installations.known(owner)
      installations.forget(owner)
      visible.forgetAccount(accountId) // the webhook's are there although no exchange has asked for the owner
      if (typeof known === 'object') readers.forget(known.id)
    }
    policies.forgetAccount(accountId)
    trustedIssuers.forget(accountId, false)
  }

  const forgetRepository = ({ accountId, owner, repository }: Extract<Change, { kind: 'repository' }>) => {
    policies.forget({ accountId, repository }, 'all', false)
    for (const { installations, readers, visible } of pool.all) {
      visible.forgetAccount(accountId)
      const known = installations.known(owner)
      if (typeof known !== 'object') continue
      policies.forgetMisses(known.id, repository)
      readers.forget(known.id, repository)
    }
    if (isPolicyRepository(repository)) trustedIssuers.forget(accountId, false)
  }

  const confirm = ({ accountId, owner, repository, blobs }: Extract<Change, { kind: 'blobs' }>) => {
    const kind = isPolicyRepository(repository) ? 'organization' : 'repository'
    for (const id of installationIds(owner)) policies.forgetMisses(id, repository)
    for (const { path, sha } of blobs) {
      if (path === TRUSTED_ISSUERS_PATH && kind === 'organization') trustedIssuers.confirm(accountId, sha)
      const identity = identityAt(path)
      if (identity !== undefined) policies.confirm({ accountId, repository, kind, identity }, sha)
    }
  }

  const installationIds = (owner: string): readonly number[] =>
    pool.all.flatMap(({ installations }) => {
      const known = installations.known(owner)
      return typeof known === 'object' ? [known.id] : []
    })

  return {
    forget(change) {
      switch (change.kind) {
        case 'policies':
          return forgetPolicies(change)
        case 'blobs':
          return confirm(change)
        case 'installation':
          return forgetInstallation(change)
        case 'repository':
          return forgetRepository(change)
      }
    },
    distrust() {
      policies.distrust()
      trustedIssuers.distrust()
      for (const { installations } of pool.all) installations.distrust()
    },
  }
}

/** Longer than a delivery is under way, and GitHub's clock is off. */
const NEWS_MS = 5 * 60_000
const PUSHES_KEPT = 5_000
