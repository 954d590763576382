import type { Granted } from './github-state.ts'

/**
 * What may go wrong at GitHub. With `processed`, the request takes effect before its answer is spoiled: a mint that
 * nobody hears of. Kinds that name a body replace the answer, and the request has no effect.
 */
export type Fault =
  /** Any status, headers and body (an object as JSON, a text as it is): 500, `[]`, `null`, HTML with 200, … */
  | {
      readonly kind: 'answer'
      readonly status: number
      readonly body?: unknown
      readonly headers?: Readonly<Record<string, string>>
      readonly processed?: boolean
    }
  | { readonly kind: 'primary-rate-limit'; readonly status?: 403 | 429; readonly resetInSeconds?: number }
  | { readonly kind: 'secondary-rate-limit'; readonly status?: 403 | 429; readonly retryAfterSeconds?: number }
  /** The right answer, late. */
  | { readonly kind: 'delay'; readonly ms: number }
  /** The right answer, when the promise resolves; `processed` says whether the request takes effect before that. */
  | { readonly kind: 'hold'; readonly until: Promise<unknown>; readonly processed?: boolean }
  /** No answer, ever. */
  | { readonly kind: 'hang'; readonly processed?: boolean }
  /** The connection is reset instead of an answer. */
  | { readonly kind: 'reset'; readonly processed?: boolean }
  /** The head and half the body, then a reset. */
  | { readonly kind: 'reset-mid-body' }
  /** The right answer, a byte at a time. */
  | { readonly kind: 'slow-body'; readonly msPerByte: number }
  /** Half the JSON, as if it were all. */
  | { readonly kind: 'truncated-json' }
  /** A page instead of JSON, with 200. */
  | { readonly kind: 'html' }
  /** JSON with 200 and a member of so many bytes. */
  | { readonly kind: 'huge-body'; readonly bytes: number }
  | { readonly kind: 'redirect'; readonly location: string; readonly status?: 301 | 302 | 307 | 308 }
  /** A mint's answer with more than was asked. */
  | {
      readonly kind: 'wider-token'
      readonly permissions?: Granted
      readonly repositories?: readonly string[]
      readonly repositorySelection?: 'all'
    }

/** Which requests a fault meets; what is absent matches everything. */
export interface FaultTarget {
  readonly method?: string
  /** The template, as in GitHub's OpenAPI description: `/repos/{owner}/{repo}/contents/{path}`. */
  readonly route?: string
  /** The request's path, without its query. */
  readonly path?: string | RegExp
  /** How many requests it meets; all when absent. */
  readonly times?: number
  /** How many matching requests pass before it. */
  readonly after?: number
}

export interface FaultHandle {
  /** How many requests it has met. */
  readonly hits: number
  /** Resolves when it meets its first request. */
  readonly met: Promise<void>
  clear(): void
}

/** The faults that are set, in order: of several that match, the first set wins until it is used up. */
export function createFaults() {
  const set = new Set<{
    readonly target: FaultTarget
    readonly fault: Fault
    readonly meet: () => void
    seen: number
    hits: number
  }>()
  return {
    add(target: FaultTarget, fault: Fault): FaultHandle {
      let meet = () => {}
      const met = new Promise<void>((resolve) => {
        meet = resolve
      })
      const entry = { target, fault, meet, seen: 0, hits: 0 }
      set.add(entry)
      return {
        met,
        get hits() {
          return entry.hits
        },
        clear: () => void set.delete(entry),
      }
    },

    /** The fault this request meets, counted. */
    take(request: {
      readonly method: string
      readonly route: string | undefined
      readonly path: string
    }): Fault | undefined {
      for (const entry of set) {
        const { target } = entry
        if (!meets(target, request)) continue
        if (entry.hits >= (target.times ?? Number.POSITIVE_INFINITY)) continue
        entry.seen += 1
        if (entry.seen <= (target.after ?? 0)) continue
        entry.hits += 1
        entry.meet()
        return entry.fault
      }
      return undefined
    },
  }
}

function meets(
  target: FaultTarget,
  request: { readonly method: string; readonly route: string | undefined; readonly path: string },
): boolean {
  if (target.method !== undefined && target.method !== request.method) return false
  if (target.route !== undefined && target.route !== request.route) return false
  if (target.path instanceof RegExp) return target.path.test(request.path)
  return target.path === undefined || target.path === request.path
}
