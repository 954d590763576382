import type { Clock, Installation } from '../exchange/ports.ts'
import { Denial } from '../terms/denial.ts'
import { quote } from '../terms/text.ts'
import type { Installations } from './installations.ts'
import { afterNo, InstallationDoubted } from './known-failures.ts'

export interface WithInstallationOptions {
  readonly installations: Installations
  readonly clock: Pick<Clock, 'monotonic'>
}

/**
 * Does the work with the installation, and when GitHub says that it is gone or forbidden, once more with the one that is
 * there now: the App may have been installed anew. Looking it up is also what tells a suspension from a refusal.
 */
export function withInstallation<T>(
  installation: Installation,
  work: (installation: Installation) => Promise<T>,
  { installations, clock }: WithInstallationOptions,
): Promise<T> {
  const askedAt = clock.monotonic()
  return work(installation).then(undefined, (error: unknown) => {
    if (!(error instanceof InstallationDoubted)) throw error
    return afterNo(async () => {
      const current = await installations.renew(installation, askedAt)
      try {
        return await work(current)
      } catch (again) {
        throw again instanceof InstallationDoubted ? again.otherwise : again
      }
    })
  })
}

/** An installation of another account than the one that was meant: its policies and grants are not the caller's. */
export function sameAccount<T extends Installation>(before: Installation, now: T): T {
  if (before.account.id === now.account.id) return now
  throw new Denial(
    'APP_NOT_INSTALLED',
    `no installation found for ${quote(before.account.login)}: the name went to another account meanwhile; try again`,
  )
}
