/** Where a shared store is, and how to talk with it: what `STORE_URL` says. */
export interface StoreAddress {
  readonly mode: 'single' | 'sentinel' | 'cluster'
  /** One host of a single server; otherwise those that are asked first where the others are. */
  readonly hosts: readonly [HostAddress, ...HostAddress[]]
  readonly tls: boolean
  /** PEM of the authorities that may vouch for the servers; undefined: those that Node.js knows. No part of the URL. */
  readonly ca?: string | undefined
  readonly username: string | undefined
  readonly password: string | undefined
  /** The database's number; 0 in a cluster. */
  readonly database: number
  readonly sentinel:
    | { readonly master: string; readonly username: string | undefined; readonly password: string | undefined }
    | undefined
}

export interface HostAddress {
  readonly host: string
  readonly port: number
}

/**
 * Reads `redis[s]://[user[:password]@]host[:port][,host[:port]…][/database][?cluster=true | ?sentinel=MASTER[&sentinel_user=…]
 * [&sentinel_password=…]]`. User, password and the values of the query are percent-encoded. WHATWG's URL knows no host
 * lists, so it is taken apart here. Throws an Error that says what is wrong and never repeats the URL, which has a password.
 */
export function parseStoreUrl(text: string): StoreAddress {
  const match = /^(rediss?):\/\/(?:([^@/?#]*)@)?([^@/?#]*)(?:\/([^/?#]*))?(?:\?([^#]*))?$/.exec(text)
  if (match === null) {
    throw new Error(
      'must be redis://[user:password@]host[:port][/database], or rediss:// for TLS; write @ / ? # % in a password as %40 %2F %3F %23 %25',
    )
  }
  const [, scheme, userInfo = '', hostList = '', database = '', query = ''] = match
  const parameters = parseQuery(query)
  const mode = modeOf(parameters)
  const hosts = parseHosts(hostList, mode)
  const [user = '', ...rest] = userInfo.split(':')
  if (mode === 'cluster' && database !== '' && database !== '0') throw new Error('a cluster has database 0 only')
  return {
    mode,
    hosts,
    tls: scheme === 'rediss',
    username: nonEmpty(decode(user)),
    password: nonEmpty(decode(rest.join(':'))),
    database: parseDatabase(database),
    sentinel:
      mode === 'sentinel'
        ? {
            master: parameters.get('sentinel') ?? '',
            username: nonEmpty(parameters.get('sentinel_user')),
            password: nonEmpty(parameters.get('sentinel_password')),
          }
        : undefined,
  }
}

function modeOf(parameters: ReadonlyMap<string, string>): StoreAddress['mode'] {
  const cluster = parameters.get('cluster')
  if (cluster !== undefined && cluster !== 'true' && cluster !== 'false') {
    throw new Error('has a parameter cluster that is neither true nor false')
  }
  const isSentinel = parameters.has('sentinel')
  if (isSentinel && parameters.get('sentinel') === '') throw new Error('has a parameter sentinel without a master name')
  if (!isSentinel && (parameters.has('sentinel_user') || parameters.has('sentinel_password'))) {
    throw new Error('has sentinel_user or sentinel_password without sentinel')
  }
  if (isSentinel && cluster === 'true') throw new Error('has both sentinel and cluster: use one')
  if (isSentinel) return 'sentinel'
  return cluster === 'true' ? 'cluster' : 'single'
}

function parseQuery(query: string): ReadonlyMap<string, string> {
  const parameters = new Map<string, string>()
  for (const part of query.split('&').filter((each) => each !== '')) {
    const [name = '', ...rest] = part.split('=')
    if (!PARAMETERS.has(name))
      throw new Error(`has a parameter that is not known; known are ${[...PARAMETERS].join(', ')}`)
    if (parameters.has(name)) throw new Error(`has the parameter ${name} twice`)
    parameters.set(name, decode(rest.join('=')))
  }
  return parameters
}

function parseHosts(list: string, mode: StoreAddress['mode']): StoreAddress['hosts'] {
  const [first, ...others] = list.split(',').map((entry) => {
    const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::(\d{1,5}))?$/.exec(entry)
    const port = match?.[3] === undefined ? DEFAULT_PORTS[mode] : Number(match[3])
    const host = match?.[1] ?? match?.[2]
    if (host === undefined || port < 1 || port > 65_535) throw new Error('has a host that is not host or host:port')
    return { host, port }
  })
  if (first === undefined) throw new Error('names no host')
  if (others.length > 0 && mode === 'single') {
    throw new Error('names several hosts: add ?cluster=true, or ?sentinel= with the name of the master')
  }
  return [first, ...others]
}

function parseDatabase(text: string): number {
  if (text === '') return 0
  if (!/^\d{1,5}$/.test(text)) throw new Error('has a path that is not the number of a database')
  return Number(text)
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new Error('has broken percent-encoding; a plain % is written %25')
  }
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text
}

const PARAMETERS: ReadonlySet<string> = new Set(['cluster', 'sentinel', 'sentinel_user', 'sentinel_password'])

/** Of Redis and Valkey, and of their sentinels. */
const DEFAULT_PORTS = { single: 6379, cluster: 6379, sentinel: 26_379 } as const satisfies Record<
  StoreAddress['mode'],
  number
>
