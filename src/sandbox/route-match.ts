import type { Route } from './route.ts'

export interface RouteMatch {
  readonly route: Route
  readonly params: Readonly<Record<string, string>>
  /** What follows the repository, as it was asked for. */
  readonly below: string
}

/** The route of a request's path (without its query), with the template's variables decoded. */
export function matchRoute(routes: readonly Route[], method: string, path: string): RouteMatch | undefined {
  const raw = path.slice(1).split('/')
  const segments = decodeSegments(raw)
  if (segments === undefined) return undefined
  for (const route of routes) {
    if (route.method !== method) continue
    for (const { prefix, template } of templatesOf(route)) {
      const params = matchTemplate(template.slice(1).split('/'), segments)
      const below = raw.slice(prefix).map((segment) => `/${segment}`)
      if (params !== undefined) return { route, params, below: below.join('') }
    }
  }
  return undefined
}

/** GitHub serves each repository under its id too: that is where its redirects lead. */
function templatesOf({ template }: Route): readonly { readonly prefix: number; readonly template: string }[] {
  const byName = '/repos/{owner}/{repo}'
  return template.startsWith(byName)
    ? [
        { prefix: 3, template },
        { prefix: 2, template: template.replace(byName, '/repositories/{repository_id}') },
      ]
    : [{ prefix: Number.POSITIVE_INFINITY, template }]
}

/** Variables that may have slashes: GitHub takes those of refs encoded or not. */
const LONG: ReadonlySet<string> = new Set(['path', 'ref', 'basehead', 'branch'])

function matchTemplate(
  [part, ...rest]: readonly string[],
  segments: readonly string[],
): Readonly<Record<string, string>> | undefined {
  if (part === undefined) return segments.length === 0 ? {} : undefined
  const variable = /^\{(\w+)\}$/.exec(part)?.[1]
  const [segment] = segments
  if (variable === undefined || !LONG.has(variable)) {
    if (segment === undefined || (variable === undefined && part !== segment)) return undefined
    const params = matchTemplate(rest, segments.slice(1))
    return params && (variable === undefined ? params : { ...params, [variable]: segment })
  }
  const length = segments.length - rest.length
  // The root of a repository's contents has no path at all.
  if (length < 1 && variable !== 'path') return undefined
  const params = matchTemplate(rest, segments.slice(Math.max(0, length)))
  return params && { ...params, [variable]: segments.slice(0, Math.max(0, length)).join('/') }
}

function decodeSegments(segments: readonly string[]): readonly string[] | undefined {
  try {
    return segments.map(decodeURIComponent)
  } catch {
    return undefined
  }
}
