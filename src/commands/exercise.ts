import { Agent, request } from 'node:http'
import { type ClientHttp2Session, connect } from 'node:http2'
import { setTimeout as sleep } from 'node:timers/promises'
import { loadTheLate } from '../compose.ts'
import { systemClock } from '../runtime/clock.ts'
import { createLog, type Logger } from '../runtime/log.ts'
import { generateSandboxKeys } from '../sandbox/issuer-keys.ts'
import { loadProtos } from '../wire/protos.ts'
import { type Stack, startStack } from './stack.ts'

/**
 * Tries a service of the same code before the real one is ready: exchanges over gRPC and HTTP, against an embedded
 * GitHub and issuer, so that the first real ones find compiled code. It has caches, stores and connections of its own, on
 * loopback, and no log, events or metrics; nothing of it is left. At most two seconds.
 * Never rejects: what fails here is said, and is no reason not to serve.
 */
export async function exercise(log: Logger): Promise<void> {
  const begin = systemClock.monotonic()
  try {
    await loadTheLate()
    const stack = await openStack()
    try {
      const exchanges = await exchangeUntil(begin + LONGEST_MS, stack)
      log.debug({ exchanges, ms: Math.round(systemClock.monotonic() - begin) }, 'the service has tried itself')
    } finally {
      await stack.close()
    }
  } catch (error) {
    log.warn({ err: error }, 'the service could not try itself: its first exchanges will take longer')
  }
}

async function openStack(): Promise<Stack> {
  const keys = await generateSandboxKeys()
  // One RSA key for both: making one takes a while, and neither outlives this.
  const privateKeyPem = keys.RSA.privateKey.export({ type: 'pkcs1', format: 'pem' }).toString()
  const stack = await startStack({
    log: createLog('silent'),
    exclusive: true, // other workers try themselves at the same time
    github: { app: { privateKeyPem } },
    issuer: { keys },
    settings: { metrics: undefined, shutdownGraceMs: CLOSE_MS },
  })
  const { github, issuer } = stack
  const policy = {
    issuer: issuer.url,
    subject_pattern: 'repo:acme/app:.+',
    claim_pattern: { ref: 'refs/heads/.+' },
    permissions: { contents: 'read' },
  }
  github.addAccount({ login: 'acme', type: 'Organization', id: 1 })
  github.addRepository('acme', '.github', { id: 2 })
  github.addRepository('acme', 'app', { id: 3, files: { '.github/chainguard/ci.sts.yaml': JSON.stringify(policy) } })
  github.install('acme', { permissions: { contents: 'read' }, repositories: 'all' })
  return stack
}

/** Resolves to their number. Rejects when one was refused. */
async function exchangeUntil(endMs: number, { service: { port }, issuer }: Stack): Promise<number> {
  const claims = issuer.githubActionsClaims()
  const tokens = await Promise.all([issuer.sign(claims), issuer.sign(claims, { alg: 'ES256' })])
  const session = connect(`http://127.0.0.1:${port}`)
  session.on('error', () => {}) // its streams fail with it
  const agent = new Agent({ keepAlive: true })
  const call = grpcCall()
  let begun = 0
  const repeat = async (): Promise<void> => {
    while (begun < MOST_EXCHANGES && systemClock.monotonic() < endMs) {
      begun += 1
      const token = tokens[begun % tokens.length] ?? ''
      if (begun % 4 < 3) await overGrpc(session, token, call)
      else await overHttp({ port, agent, token })
    }
  }
  const timeUp = new AbortController()
  try {
    const all = Promise.all(Array.from({ length: AT_ONCE }, repeat))
    all.catch(() => {}) // also of those that are cut when the time is up
    await Promise.race([all, sleep(endMs - systemClock.monotonic(), undefined, { signal: timeUp.signal })])
    return begun
  } finally {
    timeUp.abort()
    session.destroy()
    agent.destroy()
  }
}

interface GrpcCall {
  readonly path: string
  readonly message: Buffer
}

/** A message with its prefix: not compressed, and its length. */
function grpcCall(): GrpcCall {
  const { path, requestSerialize } = loadProtos().securityTokenService.Exchange
  const body = requestSerialize({ scope: ASKED.scope, scopes: [ASKED.scope], identity: ASKED.identity })
  const prefix = Buffer.alloc(5)
  prefix.writeUInt32BE(body.length, 1)
  return { path, message: Buffer.concat([prefix, body]) }
}

function overGrpc(session: ClientHttp2Session, token: string, { path, message }: GrpcCall): Promise<void> {
  return new Promise((resolve, reject) => {
    const stream = session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
      authorization: `Bearer ${token}`,
    })
    stream.on('trailers', ({ 'grpc-status': status }) => {
      if (status === '0') resolve()
      else reject(new Error(`gRPC status ${status}`))
    })
    stream.on('error', reject)
    stream.on('close', () => reject(new Error('no gRPC status came')))
    stream.resume()
    stream.end(message)
  })
}

function overHttp({ port, agent, token }: { port: number; agent: Agent; token: string }): Promise<void> {
  return new Promise((resolve, reject) => {
    const path = `/sts/exchange?${new URLSearchParams(ASKED)}`
    const headers = { authorization: `Bearer ${token}` }
    const sent = request({ host: '127.0.0.1', port, path, method: 'POST', headers, agent }, (answer) => {
      answer.on('error', reject).on('end', () => {
        if (answer.statusCode === 200) resolve()
        else reject(new Error(`HTTP status ${answer.statusCode}`))
      })
      answer.resume()
    })
    sent.on('error', reject).end()
  })
}

const ASKED = { scope: 'acme/app', identity: 'ci' } as const
/** All of it; exchanges that are under way then are cut. */
const LONGEST_MS = 2_000
/** After these the compiler has little left to do. */
const MOST_EXCHANGES = 2_000
const AT_ONCE = 16
/** For the service that was tried. */
const CLOSE_MS = 500
