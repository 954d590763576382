import type { Route } from './route.ts'

export interface RouteMatch {
  readonly route: Route
  readonly params: Readonly<Record<string, string>>
}

/** The route of a request's path (without its query), with the template's variables decoded. */
export function matchRoute(routes: readonly Route[], method: string, path: string): RouteMatch | undefined {
  const segments = decodeSegments(path)
  if (segments === undefined) return undefined
  for (const route of routes) {
    if (route.method !== method) continue
    for (const template of templatesOf(route)) {
      const params = matchTemplate(template.slice(1).split('/'), segments)
      if (params !== undefined) return { route, params }
    }
  }
  return undefined
}

/** GitHub serves each repository under its id too: that is where its redirects lead. */
function templatesOf({ template }: Route): readonly string[] {
  const byName = '/repos/{owner}/{repo}'
  return template.startsWith(byName)
    ? [template, template.replace(byName, '/repositories/{repository_id}')]
    : [template]
}

function matchTemplate(template: readonly string[], segments: readonly string[]) {
  const params: Record<string, string> = {}
  for (const [index, part] of template.entries()) {
    if (part === '{path}') return { ...params, path: segments.slice(index).join('/') }
    const segment = segments[index]
    if (segment === undefined) return undefined
    const variable = /^\{(\w+)\}$/.exec(part)?.[1]
    if (variable !== undefined) params[variable] = segment
    else if (part !== segment) return undefined
  }
  return segments.length === template.length ? params : undefined
}

function decodeSegments(path: string): readonly string[] | undefined {
  try {
    return path.slice(1).split('/').map(decodeURIComponent)
  } catch {
    return undefined
  }
}
