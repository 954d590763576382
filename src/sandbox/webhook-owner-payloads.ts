import { accountResource } from './resources.ts'
import { createParts, type EventOptions, type Payload, type PayloadNeeds } from './webhook-parts.ts'
import { eventInstallation, organizationResource, shortRepository } from './webhook-resources.ts'

/** Payloads of what happens to installations, repositories and organizations as such. */
export function createOwnerPayloads(needs: PayloadNeeds) {
  const { state, baseUrl } = needs
  const parts = createParts(needs)
  const installationNumbered = (id: number) => {
    const found = state.installations.get(id)
    if (found === undefined) throw new Error(`the sandbox has no installation ${id}`)
    return found
  }
  const changesOf = (action: string, from: string): Payload => {
    if (action !== 'transferred') return { repository: { name: { from } } }
    const account = parts.account(from)
    const old =
      account.type === 'Organization'
        ? { organization: organizationResource(account, baseUrl) }
        : { user: accountResource(account, baseUrl) }
    return { owner: { from: old } }
  }

  return {
    /** `created`, `deleted`, `suspend`, `unsuspend`, `new_permissions_accepted`. */
    installation(id: number, action: string, { sender }: EventOptions = {}): Payload {
      const found = installationNumbered(id)
      const given = state
        .repositoriesOf(found.account)
        .filter((repository) => found.repositories === 'all' || found.repositories.has(repository.id))
      return {
        action,
        installation: eventInstallation(found, baseUrl),
        ...(action.includes('suspend') ? {} : { repositories: given.map(shortRepository) }),
        sender: parts.sender(sender),
      }
    },

    /** `added` when names are added, else `removed`; names without their owner. */
    installationRepositories(
      id: number,
      about: { readonly added?: readonly string[]; readonly removed?: readonly string[] } & EventOptions,
    ): Payload {
      const { added = [], removed = [], sender } = about
      const found = installationNumbered(id)
      const named = (names: readonly string[]) =>
        names.map((name) => shortRepository(parts.repositoryNamed(found.account.login, name)))
      return {
        action: added.length > 0 ? 'added' : 'removed',
        installation: eventInstallation(found, baseUrl),
        repository_selection: found.repositories === 'all' ? 'all' : 'selected',
        repositories_added: named(added),
        repositories_removed: named(removed),
        requester: null,
        sender: parts.sender(sender),
      }
    },

    /** `from` is the old name of one that was `renamed`, or the login of its old owner when it was `transferred`. */
    repository(
      owner: string,
      name: string,
      about: { readonly action: string; readonly from?: string } & EventOptions,
    ): Payload {
      const { action, from, ...options } = about
      const changes = from === undefined ? {} : { changes: changesOf(action, from) }
      return { action, ...changes, ...parts.ofRepository(parts.repositoryNamed(owner, name), options) }
    },

    /** `renamed`, with the login it had; `deleted`, `member_added`, … without. */
    organization(login: string, about: { readonly action: string; readonly from?: string } & EventOptions): Payload {
      const { action, from, ...options } = about
      const account = parts.account(login)
      return {
        action,
        ...(from === undefined ? {} : { changes: { login: { from } } }),
        ...parts.common(account, options),
      }
    },
  }
}
