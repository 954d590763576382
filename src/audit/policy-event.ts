import type { PolicyChange } from '../terms/policy-change.ts'
import { encode } from '../terms/text.ts'
import { headerSafe } from './exchange-event.ts'

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
