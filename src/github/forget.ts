import type { Change } from '../exchange/changes.ts'
import { POLICY_FOLDER, POLICY_SUFFIX, TRUSTED_ISSUERS_FILE } from '../terms/identity.ts'
import { nameKey } from '../terms/scope.ts'
import type { AppPool } from './app-pool.ts'
import type { GitHub } from './github.ts'
import type { PolicyFiles } from './policy-files.ts'
import type { TrustedIssuersFiles } from './trusted-issuers-files.ts'

export interface ForgetOptions {
  readonly pool: AppPool
  readonly policies: PolicyFiles
  readonly trustedIssuers: TrustedIssuersFiles
  readonly policyRepository: string
}

/** Which part of what is remembered a change makes stale. */
export function createForget({
  pool,
  policies,
  trustedIssuers,
  policyRepository,
}: ForgetOptions): Pick<GitHub, 'forget' | 'distrust'> {
  const isPolicyRepository = (repository: string) => nameKey(repository) === nameKey(policyRepository)

  const forgetPolicies = ({ accountId, owner, repository, paths }: Extract<Change, { kind: 'policies' }>) => {
    const identities = paths === 'all' ? 'all' : paths.flatMap(identityOf)
    if (identities === 'all' || identities.length > 0) {
      policies.forget({ accountId, repository }, identities)
      for (const id of installationIds(owner)) policies.forgetMisses(id, repository)
    }
    if (isPolicyRepository(repository) && (paths === 'all' || paths.includes(TRUSTED_ISSUERS_PATH)))
      trustedIssuers.forget(accountId, paths !== 'all')
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
    policies.forget({ accountId, repository }, 'all')
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
      for (const identity of identityOf(path)) policies.confirm({ accountId, repository, kind, identity }, sha)
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

/** The identity whose policy stands at the path; none for another file. */
function identityOf(path: string): readonly string[] {
  if (!path.startsWith(`${POLICY_FOLDER}/`) || !path.endsWith(POLICY_SUFFIX)) return []
  const identity = path.slice(POLICY_FOLDER.length + 1, -POLICY_SUFFIX.length)
  return identity === '' || identity.includes('/') ? [] : [identity]
}

const TRUSTED_ISSUERS_PATH = `${POLICY_FOLDER}/${TRUSTED_ISSUERS_FILE}`
