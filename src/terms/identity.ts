import { Denial } from './denial.ts'
import { quote } from './text.ts'

/**
 * The name of a trust policy: `.github/chainguard/{identity}.sts.yaml`. One path segment, case-sensitive.
 * Refuses, as `IDENTITY_MISSING` or `IDENTITY_MALFORMED`, whatever is not 1 to 128 of `[A-Za-z0-9._@+~-]` or starts with a dot.
 */
export function parseIdentity(text: string): string {
  if (text === '') {
    throw new Denial(
      'IDENTITY_MISSING',
      'identity must be provided: the name of the trust policy without ".sts.yaml"',
      {
        field: 'identity',
      },
    )
  }
  if (IDENTITY.test(text)) return text
  throw new Denial(
    'IDENTITY_MALFORMED',
    `identity ${quote(text)} is not the name of a policy: 1 to 128 of A-Z a-z 0-9 . _ @ + ~ -, not starting with a dot`,
    { field: 'identity' },
  )
}

/** Where the policy of an identity is looked for in its repository. */
export function policyPath(identity: string): string {
  return `${POLICY_FOLDER}/${identity}${POLICY_SUFFIX}`
}

/** The identity whose policy is looked for at a path of its repository; undefined for another file. */
export function identityAt(path: string): string | undefined {
  if (!path.startsWith(`${POLICY_FOLDER}/`) || !path.endsWith(POLICY_SUFFIX)) return undefined
  const identity = path.slice(POLICY_FOLDER.length + 1, -POLICY_SUFFIX.length)
  return IDENTITY.test(identity) ? identity : undefined
}

export const POLICY_FOLDER = '.github/chainguard'
export const POLICY_SUFFIX = '.sts.yaml'
/** In the policies' folder of an owner's policy repository: which issuers the owner trusts. */
export const TRUSTED_ISSUERS_FILE = 'trusted-token-issuers.yaml'
export const TRUSTED_ISSUERS_PATH = `${POLICY_FOLDER}/${TRUSTED_ISSUERS_FILE}`

const IDENTITY = /^[A-Za-z0-9_@+~-][A-Za-z0-9._@+~-]{0,127}$/
