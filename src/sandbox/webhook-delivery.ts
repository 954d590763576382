import { createHmac, randomUUID } from 'node:crypto'
import type { Apps, Webhook } from './apps.ts'

export interface DeliveryOptions {
  /** `push`, `pull_request`, … */
  readonly event: string
  /** Sent as JSON; a text or bytes as they are. */
  readonly payload: unknown
  /** Id of the App whose webhook it is; the first App's when absent. */
  readonly app?: number
  /** Instead of the App's own. */
  readonly url?: string
  readonly secret?: string
  /** A redelivery has the id of the first. */
  readonly deliveryId?: string
  /** Instead of what GitHub would send; undefined leaves a header out. */
  readonly headers?: Readonly<Record<string, string | undefined>>
}

/** What the receiver answered. */
export interface DeliveryResult {
  readonly status: number
  readonly body: string
  readonly deliveryId: string
}

/**
 * Sends an event as GitHub does: signed with the App's secret, not following redirects, waiting ten seconds.
 * Rejects where GitHub would note that the delivery failed.
 */
export async function deliverEvent(options: DeliveryOptions, apps: Apps): Promise<DeliveryResult> {
  const { event, payload, deliveryId = randomUUID() } = options
  const app = apps.get(options.app)
  const { url, secret } = destination(options, app.webhook)
  const body = bytesOf(payload)
  const headers: Record<string, string | undefined> = {
    accept: '*/*',
    'content-type': 'application/json',
    'user-agent': 'GitHub-Hookshot/0123abc',
    'x-github-delivery': deliveryId,
    'x-github-event': event,
    'x-github-hook-id': String(HOOK_ID_BASE + app.id),
    'x-github-hook-installation-target-id': String(app.id),
    'x-github-hook-installation-target-type': 'integration',
    ...(secret === '' ? {} : signatures(body, secret)),
    ...options.headers,
  }
  const response = await fetch(url, {
    method: 'POST',
    redirect: 'manual',
    headers: Object.entries(headers).flatMap(([name, value]): [string, string][] =>
      value === undefined ? [] : [[name, value]],
    ),
    body,
    signal: AbortSignal.timeout(DEADLINE_MS),
  })
  return { status: response.status, body: (await response.text()).slice(0, LONGEST_ANSWER), deliveryId }
}

/** "Your server should respond with a 2XX response within 10 seconds": docs.github.com, best practices for webhooks. */
const DEADLINE_MS = 10_000
const LONGEST_ANSWER = 10_000
const HOOK_ID_BASE = 300_000_000

function destination({ url, secret }: DeliveryOptions, webhook: Webhook | undefined): Webhook {
  const target = url ?? webhook?.url
  if (target === undefined) throw new Error('this App has no webhook: call setWebhook, or name a url and a secret')
  return { url: target, secret: secret ?? webhook?.secret ?? '' }
}

function bytesOf(payload: unknown): Buffer<ArrayBuffer> {
  return Buffer.from(typeof payload === 'string' || Buffer.isBuffer(payload) ? payload : JSON.stringify(payload))
}

/** Both of GitHub's: the SHA-1 of old, and SHA-256. */
function signatures(body: Buffer, secret: string) {
  const hmac = (algorithm: string) => createHmac(algorithm, secret).update(body).digest('hex')
  return { 'x-hub-signature': `sha1=${hmac('sha1')}`, 'x-hub-signature-256': `sha256=${hmac('sha256')}` }
}
