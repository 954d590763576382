import { parseCheckRequest } from './check-request.ts'
import { annotationResource, checkRunResource } from './check-resources.ts'
import type { CheckRun } from './check-runs.ts'
import { commitNamed } from './commit-routes.ts'
import { type Answer, GitHubError, notFound } from './github-answer.ts'
import type { Installation } from './github-state.ts'
import { page } from './page.ts'
import { inaccessible, readable, writable } from './repository-lookup.ts'
import { ok, type Route, type RouteContext, type RouteRequest } from './route.ts'

/** Check runs: only the App that made one may change it. */
export const CHECK_ROUTES: readonly Route[] = [
  {
    method: 'POST',
    template: '/repos/{owner}/{repo}/check-runs',
    documentation: 'checks/runs#create-a-check-run',
    by: 'installation',
    answer: create,
  },
  {
    method: 'PATCH',
    template: '/repos/{owner}/{repo}/check-runs/{check_run_id}',
    documentation: 'checks/runs#update-a-check-run',
    by: 'installation',
    answer: update,
  },
  {
    method: 'GET',
    template: '/repos/{owner}/{repo}/check-runs/{check_run_id}',
    documentation: 'checks/runs#get-a-check-run',
    by: 'anybody but the app',
    answer: (request, context) => ok(resource(runOf(request, context), context)),
  },
  {
    method: 'GET',
    template: '/repos/{owner}/{repo}/check-runs/{check_run_id}/annotations',
    documentation: 'checks/runs#list-check-run-annotations',
    by: 'anybody but the app',
    answer: (request, context) => {
      const run = runOf(request, context)
      const url = `${context.baseUrl}/repositories/${run.suite.repository.id}/check-runs/${run.id}/annotations`
      const { items, headers } = page(run.annotations, request.query, url)
      return { ...ok(items.map((annotation) => annotationResource(annotation, run, context.baseUrl))), headers }
    },
  },
  {
    method: 'GET',
    template: '/repos/{owner}/{repo}/commits/{ref}/check-runs',
    documentation: 'checks/runs#list-check-runs-for-a-git-reference',
    by: 'anybody but the app',
    answer: list,
  },
]

function create(request: RouteRequest, context: RouteContext): Answer {
  const repository = writable(request, context, 'checks')
  const { app } = installationOf(request)
  const asked = parseCheckRequest(request.body, 'create')
  const { headSha = '' } = asked
  if (!repository.objects.commits.has(headSha)) throw new GitHubError(422, `No commit found for SHA: ${headSha}`)
  const run = context.checks.create(context.checks.suiteOf(repository, app, headSha), asked)
  return { status: 201, body: resource(run, context) }
}

function update(request: RouteRequest, context: RouteContext): Answer {
  const repository = writable(request, context, 'checks')
  const { app } = installationOf(request)
  const run = context.checks.find(repository, Number(request.params['check_run_id']))
  if (run === undefined) throw notFound()
  const maker = run.suite.app.id
  if (maker !== app.id) {
    const message = `Invalid app_id \`${maker}\` - check run can only be modified by the GitHub App that created it.`
    throw new GitHubError(403, message)
  }
  context.checks.update(run, parseCheckRequest(request.body, 'update'))
  return ok(resource(run, context))
}

/** `filter` is `latest` when absent: of runs with the same name in one suite only the newest. */
function list(request: RouteRequest, context: RouteContext): Answer {
  const repository = readable(request, context, 'checks')
  const { query } = request
  const { sha } = commitNamed(repository, request.params['ref'])
  const [name, status, app] = [query.get('check_name'), query.get('status'), query.get('app_id')]
  const found = context.checks.runs.filter(
    ({ suite, ...run }) =>
      suite.repository === repository &&
      suite.headSha === sha &&
      run.name === (name ?? run.name) &&
      run.status === (status ?? run.status) &&
      String(suite.app.id) === (app ?? String(suite.app.id)),
  )
  const newest = new Map(found.map((run) => [`${run.suite.id} ${run.name}`, run]))
  const wanted = query.get('filter') === 'all' ? found : [...newest.values()]
  const url = `${context.baseUrl}/repositories/${repository.id}/commits/${sha}/check-runs`
  const { items, headers } = page(wanted, query, url)
  return { ...ok({ total_count: wanted.length, check_runs: items.map((run) => resource(run, context)) }), headers }
}

function runOf(request: RouteRequest, context: RouteContext): CheckRun {
  const repository = readable(request, context, 'checks')
  const run = context.checks.find(repository, Number(request.params['check_run_id']))
  if (run === undefined) throw notFound()
  return run
}

function resource(run: CheckRun, { state, baseUrl }: RouteContext) {
  const { app, repository } = run.suite
  const granted = state.findInstallationOf(repository.owner.login, app.id)?.permissions ?? { metadata: 'read' }
  return checkRunResource(run, granted, baseUrl)
}

/** The installation that asks; `writable` has let nobody else through. */
function installationOf({ caller }: RouteRequest): Installation {
  if (caller.kind !== 'installation') throw inaccessible()
  return caller.installation
}
