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
export async function withInstallation<T>(
  installation: Installation,
  work: (installation: Installation) => Promise<T>,
  { installations, clock }: WithInstallationOptions,
): Promise<T> {
  const askedAt = clock.monotonic()
  try {
    return await work(installation)
  } catch (error) {
    if (!(error instanceof InstallationDoubted)) throw error
  }
  return afterNo(async () => {
    const current = await installations.renew(installation, askedAt)
    try {
      return await work(current)
    } catch (error) {
      throw error instanceof InstallationDoubted ? error.otherwise : error
    }
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
