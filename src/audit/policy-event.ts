import { encode } from '../terms/text.ts'
import { headerSafe } from './exchange-event.ts'

/** What a push to a default branch did to one policy, or to the list of trusted issuers. */
export interface PolicyChange {
  readonly org: string
  readonly repo: string
  readonly ref: string
  readonly commit: string
  readonly before: string
  readonly actor: string
  readonly pusher: string
  readonly forced: boolean
  readonly path: string
  readonly action: 'added' | 'modified' | 'removed'
  /** undefined: it was removed, or could not be looked at. */
  readonly valid: boolean | undefined
  readonly error: string | undefined
  readonly time: Date
}

/** The type of the CloudEvent that each changed policy leaves behind. */
export const POLICY_EVENT_TYPE = 'dev.octo-sts.policy'

/** The `data` of that event: names and texts in it are strangers', and are written out where they could not be shown. */
export function policyEventData(change: PolicyChange): Record<string, unknown> {
  const { org, repo, ref, commit, before, actor, pusher, forced, path, action, valid, error, time } = change
  return {
    org: encode(org),
    repo: encode(repo),
    ref: encode(ref),
    commit,
    before,
    actor: encode(actor),
    pusher: encode(pusher),
    forced,
    path: encode(path),
    action,
    ...(valid === undefined ? {} : { valid }),
    ...(error === undefined ? {} : { error: encode(error) }),
    time: time.toISOString(),
  }
}

/** `{org}/{repo}/{path}`. */
export function policyEventSubject({ org, repo, path }: PolicyChange): string {
  return headerSafe(`${org}/${repo}/${path}`)
}
