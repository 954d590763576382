import { createLog } from '../runtime/log.ts'
import { createWorld } from '../sandbox/world.ts'
import { DEMO_WEBHOOK, tellOrganization } from './demo-organization.ts'
import { type EventSink, openEventSink } from './event-sink.ts'
import { type Stack, startStack } from './stack.ts'
import { createStory, expect, granted, grantOf, named, refused, type Story, short } from './story.ts'
import { type Ask, exchangeOverGrpc, exchangeOverHttp, refreshOverGrpc } from './sts-client.ts'

/**
 * Starts everything on loopback, makes real exchanges, and tells what happened. Resolves to the exit status: 0 only when
 * every step did what it should.
 */
export async function demo(): Promise<number> {
  const events = await openEventSink()
  const stack = await startStack({
    log: createLog('silent'),
    moreApps: [{}],
    settings: { eventSink: events.url, webhook: DEMO_WEBHOOK },
  })
  const story = createStory()
  try {
    await tell(stack, events, story)
  } finally {
    await stack.close()
    await events.close()
  }
  return story.end()
}

async function tell(stack: Stack, events: EventSink, story: Story): Promise<void> {
  const { step, say } = story
  const { service, github, issuer, settings } = stack
  const { exchanges } = createWorld(github, issuer)
  const address = `127.0.0.1:${service.port}`
  const base = `http://${address}`
  const ask = async (name: string): Promise<Ask> => {
    const exchange = named(exchanges, name)
    return { token: await issuer.sign(exchange.claims), scope: exchange.scope, identity: exchange.identity }
  }

  say(`The service listens at ${address}, for gRPC and HTTP alike. Its audience is ${settings.domain}.`)
  say(
    `An embedded GitHub (${github.url}) and an embedded issuer of OIDC tokens (${issuer.url}) stand in for the real ones.`,
  )

  const ci = await ask('a workflow on main reads its repository')
  await step('gRPC: a workflow on the main branch of acme/app asks for identity "ci"', async () => {
    const answer = granted(await exchangeOverGrpc(address, ci))
    return [`got ${short(answer.token)}, which ends ${answer.expiry}`, grantOf(stack, answer.token)]
  })

  const deploy = await ask('a deployment from an environment')
  await step('HTTP GET: its environment "production (eu)" asks for identity "deploy"', async () => {
    const answer = granted(await exchangeOverHttp(base, 'GET', deploy))
    return [`got ${short(answer.token)}, which ends ${answer.expiry}`, grantOf(stack, answer.token)]
  })

  const builder = await ask('a Kubernetes service account')
  await step('HTTP POST: a Kubernetes service account asks for identity "builder"', async () => {
    const answer = granted(await exchangeOverHttp(base, 'POST', builder))
    return [`got ${short(answer.token)}, which ends ${answer.expiry}`, grantOf(stack, answer.token)]
  })

  const release = await ask('an organization policy, for two repositories')
  await step('gRPC: a tag asks for "release-bot", a policy of the whole organization', async () => {
    const answer = granted(await exchangeOverGrpc(address, release))
    return [`got ${short(answer.token)}, which ends ${answer.expiry}`, grantOf(stack, answer.token)]
  })

  const feature = await ask('another branch')
  await step('HTTP GET: a feature branch asks for identity "ci", and is refused', async () => {
    const answer = refused(await exchangeOverHttp(base, 'GET', feature), 7)
    return [`code ${answer.code} (PERMISSION_DENIED): ${answer.message}`]
  })

  await tellLongJob(address, await ask('a long job, with a refresh token'), story)

  const { token } = granted(await exchangeOverGrpc(address, ci))
  await step(`GitHub: ${short(token)} reads README.md of acme/app`, async () => {
    const answer = await readFile(github.url, token)
    expect(answer.status === 200, `GitHub answered ${answer.status}`)
    return [`200: ${JSON.stringify(answer.text)}`]
  })
  await step('GitHub: it cannot read acme/vault, which the policy does not name', async () => {
    const answer = await readFile(github.url, token, 'vault')
    expect(answer.status === 404, `GitHub answered ${answer.status}`)
    return ['404']
  })
  await step('GitHub: it is revoked, and dead', async () => {
    const revoked = await fetch(`${github.url}/installation/token`, { method: 'DELETE', headers: bearer(token) })
    expect(revoked.status === 204, `GitHub answered ${revoked.status} to the revocation`)
    const answer = await readFile(github.url, token)
    expect(answer.status === 401, `GitHub answered ${answer.status} to a revoked token`)
    return ['204 to the revocation, 401 to the next read']
  })

  await tellOrganization({ stack, events, address, ask }, story)
}

/** A job that takes longer than a token lives. */
async function tellLongJob(address: string, job: Ask, { step }: Story): Promise<void> {
  let first = ''
  let current = ''
  await step('gRPC: a nightly job asks for "nightly", whose policy allows refreshing for eight hours', async () => {
    const answer = granted(await exchangeOverGrpc(address, job))
    first = answer.refreshToken
    expect(first !== '', 'there was no refresh token')
    return [
      `got ${short(answer.token)}, which ends ${answer.expiry}, and a refresh token of ${first.length} characters`,
    ]
  })
  await step('gRPC: it refreshes, and refreshes again', async () => {
    const one = granted(await refreshOverGrpc(address, first))
    const two = granted(await refreshOverGrpc(address, one.refreshToken))
    current = two.refreshToken
    return [`got ${short(one.token)}, then ${short(two.token)}, each with the next refresh token`]
  })
  await step('gRPC: somebody replays its first refresh token, and is refused', async () => {
    const answer = refused(await refreshOverGrpc(address, first), 16)
    return [`code ${answer.code} (UNAUTHENTICATED): ${answer.message}`]
  })
  await step('gRPC: so the whole family is dead, the newest refresh token too', async () => {
    const answer = refused(await refreshOverGrpc(address, current), 16)
    return [`code ${answer.code} (UNAUTHENTICATED): ${answer.message}`]
  })
}

async function readFile(api: string, token: string, repository = 'app'): Promise<{ status: number; text: string }> {
  const url = `${api}/repos/acme/${repository}/contents/README.md`
  const answer = await fetch(url, { headers: { ...bearer(token), accept: 'application/vnd.github.raw+json' } })
  return { status: answer.status, text: await answer.text() }
}

function bearer(token: string): Record<string, string> {
  return { authorization: `Bearer ${token}` }
}
