/** The issuers that the world's policies name. */
export interface PolicyIssuers {
  readonly actions: string
  readonly cluster: string
  readonly google: string
}

/** Identity to the text of its policy, by repository. */
export function acmePolicies({ actions, cluster, google }: PolicyIssuers) {
  return {
    organization: {
      'release-bot': `# Tags of acme/app may write to the repositories that a release touches.
issuer: ${actions}
subject_pattern: repo:acme/app:ref:refs/tags/v[0-9.]+
claim_pattern:
  workflow_ref: acme/app/\\.github/workflows/.*
permissions:
  contents: write
  pull_requests: write
repositories:
  - app
  - docs
`,
    },
    app: {
      ci: `# The main branch of this repository may read it.
issuer: ${actions}
subject: repo:acme/app:ref:refs/heads/main
permissions:
  contents: read
`,
      deploy: `# Its production environments may deploy.
issuer: ${actions}
subject_pattern: repo:acme/app:environment:production \\((eu|us)\\)
claim_pattern:
  job_workflow_ref: acme/app/\\.github/workflows/.*
permissions:
  contents: read
  deployments: write
`,
      builder: `# A service account of the cluster may comment on issues. Its tokens have an audience of their own.
issuer: ${cluster}
subject: system:serviceaccount:ci:builder
audience: octo-sts
permissions:
  contents: read
  issues: write
`,
      nightly: `# A job of its main branch that takes longer than an hour, and may refresh its token all night.
issuer: ${actions}
subject: repo:acme/app:ref:refs/heads/main
permissions:
  contents: write
refresh:
  max_age: 8h
`,
      packager: `# The App's installation has no such permission: GitHub refuses it.
issuer: ${actions}
subject: repo:acme/app:ref:refs/heads/main
permissions:
  packages: write
`,
      broken: `# Invalid: there are two subjects, and no permissions.
issuer: ${actions}
subject: repo:acme/app:ref:refs/heads/main
subject_pattern: repo:acme/app:.*
`,
    },
    docs: {
      publisher: `# One Google service account, told by its e-mail address.
issuer: ${google}
subject_pattern: '[0-9]+'
claim_pattern:
  email: publisher@acme\\.iam\\.gserviceaccount\\.com
  email_verified: 'true'
permissions:
  contents: write
`,
    },
  } as const
}

/** An organization with two Apps, which keeps a list of issuers and looks at first what it would refuse. */
export function initechPolicies({ actions, cluster }: PolicyIssuers) {
  return {
    issuers: `# Tokens of other issuers are let through, and noted: this is how a list is tried.
mode: audit
issuers:
  - ${actions}
`,
    tps: {
      ci: `# The main branch of this repository may read it.
issuer: ${actions}
subject: repo:initech/tps:ref:refs/heads/main
permissions:
  contents: read
`,
      builder: `# An issuer that is not on the organization's list.
issuer: ${cluster}
subject: system:serviceaccount:ci:builder
audience: octo-sts
permissions:
  contents: read
`,
    },
    printer: {
      ci: `# The main branch of this repository may read it.
issuer: ${actions}
subject: repo:initech/printer:ref:refs/heads/main
permissions:
  contents: read
`,
    },
  } as const
}

export function octocatPolicies({ actions }: PolicyIssuers) {
  return {
    sync: `# A workflow of another owner's repository may read this user's dotfiles.
issuer: ${actions}
subject: repo:acme/app:ref:refs/heads/main
permissions:
  contents: read
`,
  } as const
}
