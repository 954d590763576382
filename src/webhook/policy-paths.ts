import { identityAt, POLICY_FOLDER, TRUSTED_ISSUERS_PATH } from '../terms/identity.ts'

/** What a path is to this service. */
export type PathKind =
  /** A trust policy, of the identity that its name says. */
  | 'policy'
  /** The organization's list of trusted issuers. */
  | 'trusted-issuers'
  /** It looks like one of those, and will never be read. */
  | 'misplaced'
  | 'other'

/** `inPolicyRepository`: the repository holds the organization's policies. */
export function kindOfPath(path: string, inPolicyRepository: boolean): PathKind {
  if (path === TRUSTED_ISSUERS_PATH) return inPolicyRepository ? 'trusted-issuers' : 'misplaced'
  if (identityAt(path) !== undefined) return 'policy'
  return LOOKS_LIKE_POLICY.test(path) ? 'misplaced' : 'other'
}

/** True for what a change of may change an exchange. */
export function isRead(path: string): boolean {
  const kind = kindOfPath(path, true)
  return kind === 'policy' || kind === 'trusted-issuers'
}

/** The name of a file that lies directly in the policies' folder. */
export function nameInFolder(path: string): string | undefined {
  if (!path.startsWith(PREFIX)) return undefined
  const name = path.slice(PREFIX.length)
  return name === '' || name.includes('/') ? undefined : name
}

const PREFIX = `${POLICY_FOLDER}/`
/**
 * A YAML file in the folder or below it, whatever the case of its letters; and what is called like a policy right beside the
 * folder, or in a folder of its name at the root.
 */
const LOOKS_LIKE_POLICY = /^\.github\/chainguard\/.*\.ya?ml$|^(?:\.github|chainguard)\/[^/]*\.sts\.ya?ml$/is
