import { randomUUID } from 'node:crypto'

/** What a workflow run is about; the rest of the claims follows from it. */
export interface WorkflowRun {
  readonly repository?: string
  readonly repositoryId?: number
  readonly ownerId?: number
  readonly ref?: string
  /** With an environment the subject names it instead of the ref, as GitHub's does. */
  readonly environment?: string
  readonly eventName?: string
  readonly workflow?: string
  readonly actor?: string
  /** `repo:owner@OWNER_ID/name@ID:…`: GitHub's subjects of new, renamed and transferred repositories since 2026-07-15. */
  readonly immutableSubject?: boolean
}

/**
 * The claims of a GitHub Actions token (GitHub's "OpenID Connect reference") without the registered ones that the issuer
 * fills in. Ids and run numbers are texts, as GitHub sends them. `overrides` replace claims; an undefined one is left out.
 */
export function githubActionsClaims(
  run: WorkflowRun = {},
  overrides: Readonly<Record<string, unknown>> = {},
): Record<string, unknown> {
  const { repository = 'acme/app', repositoryId = 2001, ownerId = 1001, ref = 'refs/heads/main' } = run
  const { eventName = 'push', workflow = 'ci.yml', actor = 'octocat' } = run
  const [owner = '', name = ''] = repository.split('/')
  const workflowRef = `${repository}/.github/workflows/${workflow}@${ref}`
  const sha = '0123456789abcdef0123456789abcdef01234567'
  return {
    jti: randomUUID(),
    sub: subject({ ...run, ref, owner, name, ownerId, repositoryId, eventName }),
    ref,
    sha,
    repository,
    repository_owner: owner,
    repository_owner_id: String(ownerId),
    run_id: '9876543210',
    run_number: '42',
    run_attempt: '1',
    repository_visibility: 'private',
    repository_id: String(repositoryId),
    actor_id: '583231',
    actor,
    workflow: 'CI',
    head_ref: '',
    base_ref: '',
    event_name: eventName,
    ref_protected: 'true',
    ref_type: ref.startsWith('refs/tags/') ? 'tag' : 'branch',
    workflow_ref: workflowRef,
    workflow_sha: sha,
    job_workflow_ref: workflowRef,
    job_workflow_sha: sha,
    runner_environment: 'github-hosted',
    ...(run.environment === undefined ? {} : { environment: run.environment }),
    ...overrides,
  }
}

interface SubjectParts extends WorkflowRun {
  readonly owner: string
  readonly name: string
  readonly ref: string
  readonly ownerId: number
  readonly repositoryId: number
}

function subject(of: SubjectParts): string {
  const repository =
    of.immutableSubject === true ? `${of.owner}@${of.ownerId}/${of.name}@${of.repositoryId}` : `${of.owner}/${of.name}`
  if (of.environment !== undefined) return `repo:${repository}:environment:${of.environment}`
  if (of.eventName === 'pull_request') return `repo:${repository}:pull_request`
  return `repo:${repository}:ref:${of.ref}`
}
