import type { Grant, Installation, InstallationToken, Mint } from '../exchange/ports.ts'
import type { Cancellation } from '../terms/cancellation.ts'
import { Denial } from '../terms/denial.ts'
import { quote } from '../terms/text.ts'
import { type AccessTokenOptions, requestAccessToken } from './access-token.ts'
import { describe } from './answer.ts'
import type { UnderWay } from './under-way.ts'
import { readUnprocessable, type Unprocessable } from './unprocessable.ts'
import { type WithInstallationOptions, withInstallation } from './with-installation.ts'

export interface MintOptions extends AccessTokenOptions, WithInstallationOptions {
  /** Closing waits for them. */
  readonly mints: UnderWay
  /** Told of an installation that does not reach what was asked for: a listing of its repositories may be out of date. */
  readonly notReached: (installation: Installation) => void
}

/**
 * One new token for one exchange. When the caller leaves, the POST goes on: it may have made a token already, and only its
 * answer, which then nobody waits for, lets that be revoked.
 */
export function createMint(options: MintOptions): Mint {
  return (grant, signal) => {
    if (signal.aborted) return Promise.reject(signal.reason)
    return new Promise((resolve, reject) => {
      const leave = () => reject(signal.reason)
      const end = () => {
        signal.removeEventListener('abort', leave)
        options.mints.end()
      }
      const minting = mintFor(grant, signal, options)
      options.mints.begin()
      signal.addEventListener('abort', leave)
      minting.then(
        (token) => {
          if (signal.aborted) options.revoke(token)
          else resolve(token)
          end()
        },
        (error: unknown) => {
          reject(error)
          end()
        },
      )
    })
  }
}

function mintFor(asked: Grant, signal: Cancellation, options: MintOptions): Promise<InstallationToken> {
  const wanted = () => !signal.aborted
  const mintWith = (installation: Installation): Promise<InstallationToken> => {
    const grant = installation === asked.installation ? asked : { ...asked, installation }
    const asking = { grant, doing: 'minting the token', retry: 'unreached', wanted } as const
    return requestAccessToken(asking, options).then((answer) => {
      if (answer.kind === 'issued') return answer.token
      const what = readUnprocessable(answer.answer, grant)
      if (what.kind === 'repository') options.notReached(installation)
      throw unprocessable(what, grant, describe(answer.answer))
    })
  }
  return withInstallation(asked.installation, mintWith, options)
}

function unprocessable(what: Unprocessable, { owner, repositories }: Grant, cause: Error): Denial {
  const account = quote(owner)
  switch (what.kind) {
    case 'repository': {
      const names =
        repositories === 'all'
          ? 'a repository'
          : repositories
              .slice(0, NAMES_SHOWN)
              .map((name) => quote(name))
              .join(', ')
      return refusal(
        'MINT_REPOSITORY_NOT_SELECTED',
        `the GitHub App's installation for ${account} does not reach ${names}, or it does not exist: select it in the installation's settings, or correct the policy's repositories`,
        cause,
      )
    }
    case 'permission': {
      const name =
        what.permission === undefined ? 'a permission of the policy' : `the policy's ${quote(what.permission)}`
      return refusal(
        'MINT_PERMISSION_NOT_GRANTED',
        `the GitHub App's installation for ${account} was not granted ${name}: grant it to the App and accept it for the installation, or ask for less in the policy`,
        cause,
      )
    }
    case 'malformed':
      return refusal(
        'MINT_PERMISSION_MALFORMED',
        "GitHub does not know a permission of the policy, or not with this level: correct the policy's permissions",
        cause,
      )
    case 'other':
      return refusal(
        'MINT_UNPROCESSABLE',
        `GitHub cannot grant what the policy asks for in ${account}: check its permissions and repositories`,
        cause,
      )
  }
}

type MintReason =
  | 'MINT_REPOSITORY_NOT_SELECTED'
  | 'MINT_PERMISSION_NOT_GRANTED'
  | 'MINT_PERMISSION_MALFORMED'
  | 'MINT_UNPROCESSABLE'

function refusal(reason: MintReason, what: string, cause: Error): Denial {
  return new Denial(reason, `token exchange failure (StatusUnprocessableEntity): ${what}`, { cause })
}

const NAMES_SHOWN = 5
