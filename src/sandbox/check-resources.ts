import type { CheckAnnotation } from './check-request.ts'
import type { CheckRun } from './check-runs.ts'
import { addressesOf, isoSeconds, nodeIdOf } from './git-resources.ts'
import type { Granted, Repository } from './github-state.ts'
import { minimalPull } from './pull-resource.ts'
import { positionOf, pullsWithHead } from './repository-pulls.ts'
import { appResource } from './resources.ts'

/** GitHub's JSON of a check run (`check-run`). `granted` is what the App's installation has. */
export function checkRunResource(run: CheckRun, granted: Granted, baseUrl: string) {
  const { id, name, status, conclusion, startedAt, completedAt, detailsUrl, externalId, output, suite } = run
  const { app, headSha, repository } = suite
  const place = { repository, baseUrl }
  const { api, html } = addressesOf(place)
  const url = `${api}/check-runs/${id}`
  const page = `${html}/runs/${id}`
  return {
    id,
    name,
    node_id: nodeIdOf(place, 'CR', String(id)),
    head_sha: headSha,
    external_id: externalId ?? '',
    url,
    html_url: page,
    details_url: detailsUrl ?? page,
    status,
    conclusion: conclusion ?? null,
    started_at: startedAt === undefined ? null : isoSeconds(startedAt),
    completed_at: completedAt === undefined ? null : isoSeconds(completedAt),
    output: {
      title: output?.title ?? null,
      summary: output?.summary ?? null,
      text: output?.text ?? null,
      annotations_count: run.annotations.length,
      annotations_url: `${url}/annotations`,
    },
    check_suite: { id: suite.id },
    app: appResource(app, granted, baseUrl),
    pull_requests: pullsOf(repository, headSha, baseUrl),
  }
}

/** The repository's pull requests of that commit; those of forks are not looked for, as documented. */
export function pullsOf(repository: Repository, sha: string, baseUrl: string) {
  return pullsWithHead(repository, sha)
    .filter(({ head }) => head.repository === repository)
    .flatMap((pull) => {
      const position = positionOf(pull)
      return position === undefined ? [] : [minimalPull(pull, position, baseUrl)]
    })
}

/** GitHub's JSON of an annotation (`check-annotation`). */
export function annotationResource(annotation: CheckAnnotation, { suite }: CheckRun, baseUrl: string) {
  const { path, startLine, endLine, startColumn, endColumn, level, message, title, rawDetails } = annotation
  const { html } = addressesOf({ repository: suite.repository, baseUrl })
  return {
    path,
    blob_href: `${html}/blob/${suite.headSha}/${path.split('/').map(encodeURIComponent).join('/')}`,
    start_line: startLine,
    start_column: startColumn ?? null,
    end_line: endLine,
    end_column: endColumn ?? null,
    annotation_level: level,
    title: title ?? null,
    message,
    raw_details: rawDetails ?? null,
  }
}
