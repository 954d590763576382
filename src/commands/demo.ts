import { createLog } from '../runtime/log.ts'
import { createWorld, type WorldExchange } from '../sandbox/world.ts'
import { type Stack, startStack } from './stack.ts'
import { type Answer, type Ask, exchangeOverGrpc, exchangeOverHttp, refreshOverGrpc } from './sts-client.ts'

/**
 * Starts everything on loopback, makes real exchanges, and tells what happened. Resolves to the exit status: 0 only when
 * every step did what it should.
 */
export async function demo(): Promise<number> {
  const stack = await startStack({ log: createLog('silent'), moreApps: [{}] })
  const story = createStory()
  try {
    await tell(stack, story)
  } finally {
    await stack.close()
  }
  return story.end()
}

async function tell(stack: Stack, story: Story): Promise<void> {
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

interface Story {
  say(line: string): void
  /** Does something, and prints what came of it or what went wrong; the steps after it are told all the same. */
  step(title: string, work: () => Promise<readonly string[]>): Promise<void>
  /** The exit status. */
  end(): number
}

function createStory(): Story {
  const print = (line: string) => void process.stdout.write(`${line}\n`)
  let steps = 0
  let failures = 0
  return {
    say: print,
    async step(title, work) {
      steps += 1
      print(`\n${steps}. ${title}`)
      try {
        for (const line of await work()) print(`   ${line}`)
      } catch (error) {
        failures += 1
        print(`   FAILED: ${error instanceof Error ? error.message : String(error)}`)
      }
    },
    end() {
      print(failures === 0 ? `\nAll ${steps} steps did what they should.` : `\n${failures} of ${steps} steps failed.`)
      return failures === 0 ? 0 : 1
    },
  }
}

function named(exchanges: readonly WorldExchange[], name: string): WorldExchange {
  const found = exchanges.find((exchange) => exchange.name === name)
  if (found === undefined) throw new Error(`the world has no exchange "${name}"`)
  return found
}

function granted(answer: Answer): Extract<Answer, { ok: true }> {
  if (!answer.ok) throw new Error(`refused with code ${answer.code}: ${answer.message}`)
  return answer
}

function refused(answer: Answer, code: number): Extract<Answer, { ok: false }> {
  if (answer.ok) throw new Error('a token was issued')
  expect(answer.code === code, `refused with code ${answer.code}: ${answer.message}`)
  return answer
}

function expect(holds: boolean, otherwise: string): void {
  if (!holds) throw new Error(otherwise)
}

/** What GitHub itself says that the token may do. */
function grantOf({ github }: Stack, token: string): string {
  const issued = github.tokens.get(token)
  if (issued === undefined) throw new Error('GitHub knows no such token')
  const permissions = Object.entries(issued.permissions).map(([name, level]) => `${name}: ${level}`)
  const repositories =
    issued.repositories === 'all'
      ? ['all repositories']
      : [...issued.repositories].map((id) => github.findRepositoryById(id)?.name ?? String(id))
  return `GitHub granted ${permissions.join(', ')} on ${repositories.join(', ')}`
}

async function readFile(api: string, token: string, repository = 'app'): Promise<{ status: number; text: string }> {
  const url = `${api}/repos/acme/${repository}/contents/README.md`
  const answer = await fetch(url, { headers: { ...bearer(token), accept: 'application/vnd.github.raw+json' } })
  return { status: answer.status, text: await answer.text() }
}

function bearer(token: string): Record<string, string> {
  return { authorization: `Bearer ${token}` }
}

/** Enough of a token to tell it from another. */
function short(token: string): string {
  return `${token.slice(0, 10)}…`
}
