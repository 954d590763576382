import type { WebhookSettings } from '../config/settings.ts'
import type { EventSink } from './event-sink.ts'
import type { Stack } from './stack.ts'
import { expect, granted, grantOf, type Story, short } from './story.ts'
import { type Ask, exchangeOverGrpc } from './sts-client.ts'

interface Scene {
  readonly stack: Stack
  readonly events: EventSink
  /** Of the service. */
  readonly address: string
  readonly ask: (name: string) => Promise<Ask>
}

/** An organization with two Apps, a list of trusted issuers, and a webhook. */
export async function tellOrganization(scene: Scene, story: Story): Promise<void> {
  const { stack, address, ask } = scene
  const { step } = story
  for (const [which, name] of [
    ['first', 'a repository that the first of two Apps has'],
    ['second', 'a repository that the second of two Apps has'],
  ] as const) {
    const repository = await ask(name)
    await step(
      `gRPC: ${repository.scope}, which only the ${which} of initech's two GitHub Apps was given`,
      async () => {
        const answer = granted(await exchangeOverGrpc(address, repository))
        return [`got ${short(answer.token)}, minted by the App "${appOf(stack, answer.token)}"`]
      },
    )
  }

  const builder = await ask("an issuer that is not on the organization's list, which is in audit mode")
  await step("gRPC: an issuer that is not on initech's list of trusted issuers, which is in audit mode", async () => {
    const answer = granted(await exchangeOverGrpc(address, builder))
    const { issuer_allowlist: verdict } = await scene.events.next(
      ({ scope, identity }) => scope === builder.scope && identity === builder.identity,
    )
    return [`got ${short(answer.token)}, and the event says ${JSON.stringify(verdict)}`]
  })
  await tellWebhook(scene, story)
}

async function tellWebhook({ stack, address, ask }: Scene, { step }: Story): Promise<void> {
  const { github } = stack
  const url = `http://${address}/webhook`
  const ci = await ask('a repository that the first of two Apps has')
  const path = `.github/chainguard/${ci.identity}.sts.yaml`
  const policy = `issuer: ${stack.issuer.url}\nsubject: repo:initech/tps:ref:refs/heads/main\npermissions:\n`
  const deliver = (event: string, payload: Readonly<Record<string, unknown>>) =>
    github.deliver({ event, payload, url, secret: WEBHOOK_SECRET })

  await step('Webhook: a push to initech/tps changes the policy "ci" to pull_requests: read', async () => {
    const before = granted(await exchangeOverGrpc(address, ci))
    const pushed = github.commit('initech', 'tps', { files: { [path]: `${policy}  pull_requests: read\n` } })
    const { status } = await deliver('push', github.payloads.push('initech', 'tps', pushed))
    expect(status >= 200 && status < 300, `the delivery was answered with ${status}`)
    const after = granted(await exchangeOverGrpc(address, ci))
    const [old, live] = [grantOf(stack, before.token), grantOf(stack, after.token)]
    expect(old !== live, 'the new policy is not live')
    return [`before: ${old}`, `GitHub delivers the push, which is answered with ${status}`, `next exchange: ${live}`]
  })

  await step('Webhook: a pull request would break the policy, and its check fails', async () => {
    const files = { [path]: `${policy}  content: read\n` }
    github.commit('initech', 'tps', { branch: 'typo', files })
    const number = github.openPull('initech', 'tps', { head: { branch: 'typo' } })
    await deliver('pull_request', github.payloads.pullRequest('initech', 'tps', { number, action: 'opened' }))
    const run = github.checkRuns.at(-1)
    expect(run?.conclusion === 'failure', `the check run is ${run?.conclusion ?? run?.status ?? 'missing'}`)
    const annotations = (run?.annotations ?? []).map(
      ({ path, startLine, message }) => `${path}:${startLine}: ${message}`,
    )
    return [`"${run?.name}" failed`, ...annotations]
  })
}

/** The slug of the App that minted a token. */
function appOf({ github }: Stack, token: string): string {
  const installation = github.installations.get(github.tokens.get(token)?.installationId ?? 0)
  return github.apps.find(({ id }) => id === installation?.app.id)?.slug ?? 'unknown'
}

const WEBHOOK_SECRET = 'a secret of the demonstration'

/** What `GITHUB_WEBHOOK_SECRET` would say. */
export const DEMO_WEBHOOK: WebhookSettings = {
  secrets: [{ kind: 'text', text: WEBHOOK_SECRET }],
  organizations: [],
  allowSha1: false,
}
