import { parseArgs } from 'node:util'
import { systemClock } from '../runtime/clock.ts'
import { createLog } from '../runtime/log.ts'
import { untilStopped } from '../runtime/shutdown.ts'
import type { SandboxIssuer } from '../sandbox/issuer.ts'
import { createWorld, type WorldExchange } from '../sandbox/world.ts'
import { type Stack, startStack } from './stack.ts'

const STDERR = 2

const USAGE = `octo-sts sandbox: the service with an embedded GitHub and issuer, until it is stopped

  --host HOST        where the service listens (127.0.0.1)
  --port PORT        its port (8080; 0 is any free one)
  --tls-cert FILE    with --tls-key: serve TLS
  --tls-key FILE
  --json             print one line of JSON instead of lines to paste
`

/** Starts everything, says how to use it, and stays until SIGTERM or SIGINT. Resolves to the exit status. */
export async function sandbox(args: string[]): Promise<number> {
  const options = readOptions(args)
  if (typeof options === 'string') {
    process.stderr.write(`octo-sts sandbox: ${options}\n\n${USAGE}`)
    return 2
  }
  const stop = untilStopped()
  const { host, port, tls, json } = options
  const stack = await startStack({
    // Standard output is for what is printed here.
    log: createLog('info', STDERR),
    host,
    moreApps: [{}],
    settings: { port, ...(tls === undefined ? {} : { tls }) },
  })
  const { exchanges } = createWorld(stack.github, stack.issuer)
  const ready = await Promise.all(exchanges.map((exchange) => sign(exchange, stack.issuer)))
  const address = `${host.includes(':') ? `[${host}]` : host}:${stack.service.port}`
  process.stdout.write(
    json ? asJson(stack, address, ready) : asLines(stack, { address, ready, secure: tls !== undefined }),
  )

  await stop.signalled
  await stack.close()
  stop.dispose()
  return 0
}

interface Ready extends WorldExchange {
  readonly token: string
}

async function sign(exchange: WorldExchange, issuer: SandboxIssuer): Promise<Ready> {
  const exp = Math.floor(systemClock.now() / 1000) + PASTE_TIME_SECONDS
  return { ...exchange, token: await issuer.sign({ exp, ...exchange.claims }) }
}

/** The lines can be pasted for a working day. */
const PASTE_TIME_SECONDS = 8 * 3600

function asJson({ settings, issuer, github }: Stack, address: string, ready: readonly Ready[]): string {
  const exchanges = ready.map(({ name, scope, identity, token, refusal }) => ({
    name,
    scope,
    identity,
    token,
    works: refusal === undefined,
    ...(refusal === undefined ? {} : { reason: refusal }),
  }))
  return `${JSON.stringify({ address, domain: settings.domain, issuer: issuer.url, github: github.url, exchanges })}\n`
}

function asLines(
  { issuer, github, settings }: Stack,
  { address, ready, secure }: { address: string; ready: readonly Ready[]; secure: boolean },
): string {
  const base = `${secure ? 'https' : 'http'}://${address}`
  const blocks = ready.map(({ name, scope, identity, token, refusal }) =>
    [
      `# ${name}${refusal === undefined ? '' : `: refused, ${refusal}`}`,
      `curl -sS${secure ? 'k' : ''} -H 'Authorization: Bearer ${token}' '${base}/sts/exchange?scope=${scope}&identity=${identity}'`,
      `grpcurl ${secure ? '-insecure' : '-plaintext'} -H 'authorization: Bearer ${token}' -d '{"scope":"${scope}","identity":"${identity}"}' ${address} chainguard.platform.oidc.SecurityTokenService/Exchange`,
    ].join('\n'),
  )
  return `${blocks.join('\n\n')}

# The service is at ${base} (gRPC and HTTP), its audience is ${settings.domain}.
# The embedded issuer is ${issuer.url}, the embedded GitHub is ${github.url}.
# A token with claims of your own:
curl -sS -d '{"sub":"repo:acme/app:ref:refs/heads/main"}' ${issuer.url}/sandbox/token

# Stop with Ctrl-C.
`
}

function readOptions(args: string[]) {
  try {
    const { values } = parseArgs({
      args,
      options: {
        host: { type: 'string', default: '127.0.0.1' },
        port: { type: 'string', default: '8080' },
        'tls-cert': { type: 'string' },
        'tls-key': { type: 'string' },
        json: { type: 'boolean', default: false },
      },
    })
    const port = Number(values.port)
    if (!/^\d{1,5}$/.test(values.port) || port > 65_535)
      return `--port must be a number from 0 to 65535, not ${values.port}`
    const [certFile, keyFile] = [values['tls-cert'], values['tls-key']]
    if ((certFile === undefined) !== (keyFile === undefined)) return '--tls-cert and --tls-key belong together'
    const tls = certFile === undefined || keyFile === undefined ? undefined : { certFile, keyFile }
    return { host: values.host, port, json: values.json, tls }
  } catch (error) {
    return error instanceof Error ? error.message : 'the options could not be read'
  }
}
