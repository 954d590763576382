import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

export type Example = Record<string, unknown>

/** A payload that GitHub published for the event, the first with these members; a copy, to be edited. */
export function example(event: string, members: Example = {}): Example {
  const payloads = ALL.find(({ name }) => name === event)?.examples ?? []
  const found = payloads.find((payload) => Object.entries(members).every(([name, value]) => payload[name] === value))
  if (found === undefined) throw new Error(`there is no example of ${event} with ${JSON.stringify(members)}`)
  return structuredClone(found)
}

/** The payload with a member, named by its path, replaced or (undefined) left out. */
export function edited(payload: Example, changes: Readonly<Record<string, unknown>>): Example {
  const copy = structuredClone(payload)
  for (const [path, value] of Object.entries(changes)) {
    const names = path.split('.')
    const last = names.pop() ?? ''
    let object = copy
    for (const name of names) {
      if (typeof object[name] !== 'object' || object[name] === null) object[name] = {}
      object = object[name] as Example
    }
    if (value === undefined) delete object[last]
    else object[last] = value
  }
  return copy
}

/** A push that updates a branch: no published example does, so this is one of a new branch, edited as GitHub documents it. */
export function push(changes: Readonly<Record<string, unknown>> = {}): Example {
  return edited(example('push', { ref: 'refs/heads/master' }), {
    before: BEFORE,
    after: AFTER,
    created: false,
    commits: [commit({ modified: ['README.md'] })],
    ...changes,
  })
}

/** A commit of a push, by the paths it names. */
export function commit(paths: {
  readonly added?: string[]
  readonly modified?: string[]
  readonly removed?: string[]
}): Example {
  return { id: AFTER, added: [], modified: [], removed: [], ...paths }
}

export const BEFORE = 'a'.repeat(40)
export const AFTER = 'b'.repeat(40)
export const ZEROS = '0'.repeat(40)

const ALL = JSON.parse(
  readFileSync(createRequire(import.meta.url).resolve('@octokit/webhooks-examples/api.github.com/index.json'), 'utf8'),
) as readonly { readonly name: string; readonly examples: readonly Example[] }[]
