import { APP_ROUTES } from './app-routes.ts'
import { CHECK_ROUTES } from './check-routes.ts'
import { COMMIT_ROUTES } from './commit-routes.ts'
import { GIT_ROUTES } from './git-routes.ts'
import { INSTALLATION_ROUTES } from './installation-routes.ts'
import { PULL_ROUTES } from './pull-routes.ts'
import { REPOSITORY_ROUTES } from './repository-routes.ts'
import type { Route } from './route.ts'

/** The part of GitHub's REST API that is embedded; everything else is GitHub's 404. */
export const ROUTES: readonly Route[] = [
  ...APP_ROUTES,
  ...INSTALLATION_ROUTES,
  ...REPOSITORY_ROUTES,
  // Before those of commits, whose reference may have slashes.
  ...CHECK_ROUTES,
  ...COMMIT_ROUTES,
  ...GIT_ROUTES,
  ...PULL_ROUTES,
]
