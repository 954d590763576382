import { checkRunResource } from './check-resources.ts'
import { ancestry } from './git-history.ts'
import { addressesOf } from './git-resources.ts'
import { NO_COMMIT, type Push } from './repository-git.ts'
import { positionOf } from './repository-pulls.ts'
import { createOwnerPayloads } from './webhook-owner-payloads.ts'
import { createParts, type EventOptions, type Payload, type PayloadNeeds } from './webhook-parts.ts'
import {
  checkSuiteResource,
  eventApp,
  eventPull,
  pushedCommit,
  pushedCommits,
  pushRepository,
} from './webhook-resources.ts'

export interface PushOptions extends Push, EventOptions {
  /** The default branch's when absent. */
  readonly ref?: string
  /** Whether the history was rewritten; found out when absent. */
  readonly forced?: boolean
  readonly pusher?: string
}

/** GitHub's webhook payloads, made of what the sandbox has at this moment: of what is to be deleted, make them before. */
export type Payloads = ReturnType<typeof createPayloads>

export function createPayloads(needs: PayloadNeeds) {
  const { state, apps, checks, baseUrl, now } = needs
  const parts = createParts(needs)
  return {
    ...createOwnerPayloads(needs),

    /** `before` and `after` as `commit`, `setBranch` and `deleteBranch` answer them. */
    push(owner: string, name: string, { before, after, ...options }: PushOptions): Payload {
      const repository = parts.repositoryNamed(owner, name)
      const head = repository.objects.commits.get(after)
      if (head === undefined && after !== NO_COMMIT) throw new Error(`the sandbox has no commit ${after}`)
      const [isCreated, isDeleted] = [before === NO_COMMIT, after === NO_COMMIT]
      const rewritten = head !== undefined && !ancestry(repository.objects, head).some(({ sha }) => sha === before)
      const commits = head === undefined ? [] : pushedCommits(repository, head, before)
      const list = commits.slice(-MOST_COMMITS).map((commit) => pushedCommit(commit, repository, baseUrl))
      const pusher = options.pusher ?? options.sender ?? 'octocat'
      const { html } = addressesOf({ repository, baseUrl })
      return {
        ref: options.ref ?? `refs/heads/${repository.defaultBranch}`,
        before,
        after,
        created: isCreated,
        deleted: isDeleted,
        forced: options.forced ?? (rewritten && !isCreated),
        base_ref: null,
        compare: `${html}/compare/${before.slice(0, 12)}...${after.slice(0, 12)}`,
        commits: list,
        head_commit: head === undefined ? null : pushedCommit(head, repository, baseUrl),
        pusher: { name: pusher, email: `${pusher}@users.noreply.github.com` },
        ...parts.common(repository.owner, { sender: pusher, ...options }),
        repository: pushRepository(repository, baseUrl, new Date(now())),
      }
    },

    /** `changed` are members of an action's own: `before` and `after` of `synchronize`, `changes` of `edited`. */
    pullRequest(
      owner: string,
      name: string,
      about: { readonly number: number; readonly action: string; readonly changed?: Payload } & EventOptions,
    ): Payload {
      const { number, action, changed, ...options } = about
      const pull = state.findPull(owner, name, number)
      const position = positionOf(pull)
      if (position === undefined) throw new Error(`pull request ${number} has a branch without a commit`)
      return {
        action,
        number,
        pull_request: eventPull(pull, position, baseUrl),
        ...changed,
        ...parts.ofRepository(pull.base.repository, { sender: pull.user.login, ...options }),
      }
    },

    /** `requested` or `rerequested`; of the App's own suite for the commit, which GitHub makes when it is pushed. */
    checkSuite(
      owner: string,
      name: string,
      { sha, action, ...options }: { readonly sha: string; readonly action: string } & EventOptions,
    ): Payload {
      const repository = parts.repositoryNamed(owner, name)
      const suite = checks.suiteOf(repository, apps.get(options.app), sha)
      const runs = checks.runs.filter((run) => run.suite === suite)
      const granted = parts.installationOf(repository.owner, options.app)?.permissions ?? {}
      const resource = checkSuiteResource(suite, runs, { granted, baseUrl })
      return { action, check_suite: resource, ...parts.ofRepository(repository, options) }
    },

    /** `rerequested`, of a check run by its id; the App is the one that made it. */
    checkRun({ id, action, ...options }: { readonly id: number; readonly action: string } & EventOptions): Payload {
      const run = checks.runs.find((found) => found.id === id)
      if (run === undefined) throw new Error(`the sandbox has no check run ${id}`)
      const { repository, app } = run.suite
      const granted = parts.installationOf(repository.owner, app.id)?.permissions ?? {}
      const resource = checkRunResource(run, granted, baseUrl)
      const { latest_check_runs_count, check_runs_url, head_commit, ...suite } = checkSuiteResource(run.suite, [run], {
        granted,
        baseUrl,
      })
      return {
        action,
        check_run: { ...resource, app: eventApp(app, granted, baseUrl), check_suite: suite },
        ...parts.ofRepository(repository, { ...options, app: app.id }),
      }
    },
  }
}

/** "The array includes a maximum of 2048 commits": docs.github.com, the push event. */
const MOST_COMMITS = 2048
