import { parseMediaType, type WebhookMediaType } from './payload.ts'
import type { WebhookRequest } from './receive-body.ts'
import { Refusal } from './refusal.ts'

/** What the headers of a delivery say. */
export interface WebhookHead {
  readonly event: string
  /** GitHub's id of the delivery; a redelivery has the same. */
  readonly id: string
  /** The App that it was sent to; undefined: it is no App's webhook but a repository's or an organization's. */
  readonly appId: number | undefined
  readonly mediaType: WebhookMediaType
}

/** Refuses with 400 or 415 what GitHub does not send: before the body is read. */
export function headOf(request: WebhookRequest): WebhookHead {
  const event = headerOf(request, 'x-github-event') ?? ''
  const id = headerOf(request, 'x-github-delivery') ?? ''
  if (!EVENT.test(event)) throw new Refusal(400, 'X-GitHub-Event is missing or malformed')
  if (!DELIVERY.test(id)) throw new Refusal(400, 'X-GitHub-Delivery is missing or malformed')
  if ((headerOf(request, 'content-encoding') ?? 'identity') !== 'identity')
    throw new Refusal(415, 'the body is compressed: send it as it is')
  return { event, id, appId: appIdOf(request), mediaType: parseMediaType(headerOf(request, 'content-type')) }
}

export function headerOf({ headers }: WebhookRequest, name: string): string | undefined {
  const value = headers[name]
  return Array.isArray(value) ? value.join(', ') : value
}

function appIdOf(request: WebhookRequest): number | undefined {
  const type = headerOf(request, 'x-github-hook-installation-target-type')
  const id = headerOf(request, 'x-github-hook-installation-target-id') ?? ''
  return type === 'integration' && APP_ID.test(id) ? Number(id) : undefined
}

const EVENT = /^[a-z_]{1,64}$/
const DELIVERY = /^[A-Za-z0-9-]{1,64}$/
/** Within the numbers that are exact. */
const APP_ID = /^[1-9]\d{0,14}$/
