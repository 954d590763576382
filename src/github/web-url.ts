/**
 * Where people see the GitHub whose API is at `baseUrl`, without a trailing slash: `https://github.com`, the host of an
 * Enterprise Server (`https://HOST/api/v3`), the tenant of `https://api.TENANT.ghe.com`. An address that is none of these
 * stands for github.com, as the embedded GitHub does.
 */
export function webUrlOf(baseUrl: string): string {
  const { origin, hostname, pathname } = new URL(baseUrl)
  if (/^\/api\/v3\/?$/.test(pathname)) return origin
  return /^api\.[a-z0-9-]+\.ghe\.com$/.test(hostname)
    ? `https://${hostname.slice('api.'.length)}`
    : 'https://github.com'
}
