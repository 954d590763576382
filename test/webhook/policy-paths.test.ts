import { expect, test } from '@jest/globals'
import { kindOfPath } from '../../src/webhook/policy-paths.ts'

test.each([
  ['.github/chainguard/ci.sts.yaml', 'policy', 'policy'],
  ['.github/chainguard/a.b.sts.yaml', 'policy', 'policy'],
  ['.github/chainguard/trusted-token-issuers.yaml', 'trusted-issuers', 'misplaced'],
  ['.github/chainguard/trusted-token-issuers.yml', 'misplaced', 'misplaced'],
  ['.github/chainguard/ci.sts.yml', 'misplaced', 'misplaced'],
  ['.github/chainguard/ci.yaml', 'misplaced', 'misplaced'],
  ['.github/chainguard/.sts.yaml', 'misplaced', 'misplaced'],
  ['.github/chainguard/a b.sts.yaml', 'misplaced', 'misplaced'],
  ['.github/chainguard/ci.STS.yaml', 'misplaced', 'misplaced'],
  ['.github/Chainguard/ci.sts.yaml', 'misplaced', 'misplaced'],
  ['.github/chainguard/team/ci.sts.yaml', 'misplaced', 'misplaced'],
  ['.github/chainguard/ci\n.sts.yaml', 'misplaced', 'misplaced'],
  ['.github/ci.sts.yaml', 'misplaced', 'misplaced'],
  ['chainguard/ci.sts.yaml', 'misplaced', 'misplaced'],
  ['.github/chainguard/README.md', 'other', 'other'],
  ['.github/workflows/ci.yaml', 'other', 'other'],
  ['docs/ci.sts.yaml', 'other', 'other'],
  ['x/.github/chainguard/ci.sts.yaml', 'other', 'other'],
  ['', 'other', 'other'],
])('%j is %s in the policy repository, and %s elsewhere', (path, there, elsewhere) => {
  expect([kindOfPath(path, true), kindOfPath(path, false)]).toEqual([there, elsewhere])
})
