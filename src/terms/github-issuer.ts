/**
 * True for the issuers of GitHub Actions that GitHub itself runs: github.com's, an enterprise's own below it, and the one
 * of each ghe.com tenant. Those of an Enterprise Server are known to the operator alone.
 */
export function isGitHubActionsIssuer(issuer: string): boolean {
  return ACTIONS.test(issuer)
}

const ACTIONS =
  /^https:\/\/token\.actions\.(?:githubusercontent\.com(?:\/[A-Za-z0-9][A-Za-z0-9_-]{0,99})?|[a-z0-9][a-z0-9-]{0,62}\.ghe\.com)$/
