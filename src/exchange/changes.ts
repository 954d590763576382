import { isJsonObject } from '../terms/json.ts'
import type { Topics } from './stores.ts'

/**
 * What GitHub says has changed, so that what is remembered of it must be looked at anew: known here by a webhook, and on
 * the other replicas by a message of the store.
 */
export type Change =
  /** A push to the default branch touched these files; `all`: it cannot be said which. Paths as in the repository. */
  | {
      readonly kind: 'policies'
      readonly accountId: number
      readonly owner: string
      readonly repository: string
      readonly paths: readonly string[] | 'all'
      /** Of a push that says so: the commit it left, and GitHub's time of it in milliseconds since 1970. */
      readonly push?: { readonly commit: string; readonly atMs: number } | undefined
    }
  /** The blobs of files as a push left them: what was dropped for it may turn out to be the present one again. */
  | {
      readonly kind: 'blobs'
      readonly accountId: number
      readonly owner: string
      readonly repository: string
      readonly blobs: readonly { readonly path: string; readonly sha: string }[]
    }
  /** An App was installed, removed, suspended, unsuspended, given other permissions or other repositories. */
  | { readonly kind: 'installation'; readonly accountId: number; readonly owner: string }
  /** The repository was renamed, transferred, deleted, or made public or private; `repository` is the name it had before, too. */
  | { readonly kind: 'repository'; readonly accountId: number; readonly owner: string; readonly repository: string }

/**
 * Drops what the change has made stale, here before it resolves, and on the other replicas as soon as the store has
 * told them. Never rejects: a store that fails is logged, and those replicas revalidate once they hear of it again.
 */
export type Announce = (change: Change) => Promise<void>

export interface ChangesNeeds {
  readonly topics: Topics
  /** Drops what is remembered here. */
  readonly forget: (change: Change) => void
  /** Messages may have been missed: everything is to be looked at anew before it is used. */
  readonly distrust: () => void
  /** Tells this process from its replicas. */
  readonly processId: string
  /** Told of a change that could not be sent. */
  readonly onUnsent: (change: Change, error: unknown) => void
}

/** Hears of changes from the other replicas until `close` is called, and tells them of its own. */
export function followChanges({ topics, forget, distrust, processId, onUnsent }: ChangesNeeds): {
  readonly announce: Announce
  close(): void
} {
  const close = topics.subscribe(
    TOPIC,
    (message) => {
      const heard = readMessage(message)
      // Once more here it would drop what was read anew meanwhile.
      if (heard !== undefined && heard.sender !== processId) forget(heard.change)
    },
    distrust,
  )
  return {
    close,
    async announce(change) {
      forget(change)
      try {
        await topics.publish(TOPIC, JSON.stringify({ sender: processId, change } satisfies Message))
      } catch (error) {
        onUnsent(change, error)
      }
    },
  }
}

interface Message {
  readonly sender: string
  readonly change: Change
}

/** Undefined for what is no message of this version: a deployment may be in the midst of an update. */
function readMessage(text: string): Message | undefined {
  let message: unknown
  try {
    message = JSON.parse(text)
  } catch {
    return undefined
  }
  if (!isJsonObject(message) || typeof message['sender'] !== 'string' || !isJsonObject(message['change']))
    return undefined
  const { kind } = message['change']
  return typeof kind === 'string' && Object.hasOwn(KINDS, kind) ? (message as unknown as Message) : undefined // only replicas can write there
}

const TOPIC = 'changes'
const KINDS = { policies: true, blobs: true, installation: true, repository: true } as const satisfies Record<
  Change['kind'],
  true
>
