/** One page and its `link` header (RFC 8288), as GitHub pages: `per_page` 30, at most 100 unless said. */
export function page<T>(all: readonly T[], query: URLSearchParams, url: string, largest = PAGE_LARGEST) {
  const size = Math.min(Math.max(1, Number(query.get('per_page') ?? PAGE_DEFAULT) || PAGE_DEFAULT), largest)
  const current = Math.max(1, Number(query.get('page') ?? 1) || 1)
  const last = Math.max(1, Math.ceil(all.length / size))
  const link = (number: number, rel: string) => `<${url}?per_page=${size}&page=${number}>; rel="${rel}"`
  const links = [
    ...(current > 1 ? [link(current - 1, 'prev')] : []),
    ...(current < last ? [link(current + 1, 'next'), link(last, 'last')] : []),
    ...(current > 1 ? [link(1, 'first')] : []),
  ]
  const headers: Record<string, string> = links.length === 0 ? {} : { link: links.join(', ') }
  return { items: all.slice((current - 1) * size, current * size), headers }
}

const PAGE_DEFAULT = 30
const PAGE_LARGEST = 100
