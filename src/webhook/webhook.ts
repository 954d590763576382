import { LRUCache } from 'lru-cache'
import type { Change } from '../exchange/changes.ts'
import type { Logger } from '../runtime/log.ts'
import { nameKey } from '../terms/scope.ts'
import { encode } from '../terms/text.ts'
import { announcementsOf } from './announcements.ts'
import { type CheckJob, checkJobOf, type Ignored } from './check-job.ts'
import { about, type CheckRules, createCheck, isWorthARetry } from './check-policies.ts'
import { type Begun, createDeliveries } from './deliveries.ts'
import { createGate } from './gate.ts'
import { headerOf, headOf, type WebhookHead } from './head.ts'
import { type Payload, parsePayload } from './payload.ts'
import type { Target, WebhookPorts } from './ports.ts'
import { receiveBody, type WebhookRequest } from './receive-body.ts'
import { Refusal, type WebhookAnswer } from './refusal.ts'
import { sendAnswer, type WebhookResponse } from './send-answer.ts'
import { beginSignatureCheck, type SignatureRules } from './signature.ts'
import { type Accepted, createWorkQueue, type Standing, WORK_LIMITS, type WorkQueueLimits } from './work-queue.ts'

export interface WebhookOptions extends SignatureRules, CheckRules {
  readonly ports: WebhookPorts
  /** True for the Apps that this service has the keys of. */
  readonly isOurApp: (appId: number) => boolean
  /** In lower case; empty: every owner. The policies of others are not checked. */
  readonly organizations: readonly string[]
  readonly log: Logger
  /** Told of each answer; `event` is as the header has it. */
  readonly onAnswer?: (report: { readonly event: string; readonly status: number }) => void
  /** Told of the end of each check. */
  readonly onChecked?: (outcome: 'done' | 'failed' | 'dropped') => void
  readonly limits?: Partial<WebhookLimits>
}

export interface WebhookLimits extends WorkQueueLimits {
  readonly bodyBytes: number
  /** Bodies over it are `largeAtOnce` at the same time, and all are `bodiesAtOnce`. */
  readonly largeBytes: number
  readonly largeAtOnce: number
  readonly bodiesAtOnce: number
  readonly bodyMs: number
  /** From the headers to the answer: what takes longer goes on after it. */
  readonly answerMs: number
}

export interface Webhook {
  /** Answers one POST; never throws. */
  handle(request: WebhookRequest, response: WebhookResponse): void
  /** Takes nothing more, lets what runs end within `graceMs`, and says in the log what is left. */
  close(graceMs: number): Promise<void>
}

/**
 * GitHub's webhook: drops what a delivery shows to be stale, before it is answered with 2xx, and checks the trust policies
 * of commits (docs/webhook.md).
 */
export function createWebhook(options: WebhookOptions): Webhook {
  const { ports, log } = options
  const limits = { ...DEFAULT_LIMITS, ...options.limits }
  const gates = {
    all: createGate({ atOnce: limits.bodiesAtOnce, waiting: BODIES_WAITING, waitMs: limits.bodyMs / 2 }),
    large: createGate({ atOnce: limits.largeAtOnce, waiting: LARGE_WAITING, waitMs: limits.bodyMs / 2 }),
  }
  const queue = createWorkQueue({ limits, isWorthARetry, schedule: ports.schedule })
  const deliveries = createDeliveries(ports.clock)
  // Pushes come as several events: what one has done the other need not do.
  const recent = new LRUCache<string, number>({ max: RECENT_KEPT })
  // Of each default branch, by repository: the push that was the last.
  const newest = new LRUCache<string, { readonly commit: string; readonly pushedAt: number }>({ max: RECENT_KEPT })
  const verdictsTold = new LRUCache<string, true>({ max: RECENT_KEPT })
  const told = {
    has: (verdict: string) => verdictsTold.has(verdict),
    add: (verdict: string) => void verdictsTold.set(verdict, true),
  }
  let closing = false

  const isNewest = ({ push, target, commit }: CheckJob) =>
    push !== undefined && newest.get(repositoryKey(target))?.commit === commit

  const notePush = ({ push, target, commit }: CheckJob): void => {
    if (push === undefined) return
    const { pushedAt } = push
    const last = newest.get(repositoryKey(target))
    // A redelivery can be days old.
    if (last === undefined || pushedAt >= last.pushedAt) newest.set(repositoryKey(target), { commit, pushedAt })
  }

  const isRecent = (key: string): boolean => {
    const at = recent.get(key)
    return at !== undefined && ports.clock.monotonic() - at < RECENT_MS
  }

  const check = (job: CheckJob, endsAt: number): Begun => {
    if (job.push === undefined && isRecent(job.key))
      return settled({ status: 200, message: 'this was checked just now' })
    const work = createCheck(job, { ports, rules: options, log, isNewest, told })
    const lane = `${job.target.appId}/${repositoryKey(job.target)}/${job.commit}`
    const accepted = queue.add({ ...work, lane, about: about(job) })
    if (accepted === undefined)
      return settled({ status: 503, message: 'there is too much to check: send it again', retryAfterSeconds: 60 })
    recent.set(job.key, ports.clock.monotonic())
    const succeeded = accepted.end.then(({ kind }) => kind === 'done')
    void succeeded.then((success) => {
      if (!success) recent.delete(job.key)
    })
    logEnd(log, job, accepted)
    void accepted.end.then(({ kind }) => options.onChecked?.(kind))
    return { succeeded, answer: answerInTime(accepted, endsAt - ports.clock.monotonic()) }
  }

  const begin = (head: WebhookHead, payload: Payload, endsAt: number): Begun => {
    const announcements = announcementsOf(head.event, payload)
    const job = jobOf(head, payload, options)
    if (!('ignored' in job)) notePush(job)
    // Nothing below holds on to the payload, which can have 25 MB.
    const dropped = dropAll(announcements, ports)
    const begun = dropped.then(() => {
      if (!('ignored' in job)) return check(job, endsAt)
      if (job.key !== undefined) recent.set(job.key, ports.clock.monotonic())
      const status = head.event === 'ping' ? 200 : 202
      return settled({ status, message: announcements.length > 0 ? 'what was remembered is dropped' : job.ignored })
    })
    return {
      answer: begun.then(({ answer }) => answer),
      succeeded: begun.then(({ succeeded }) => succeeded).catch(() => false),
    }
  }

  const answer = async (request: WebhookRequest): Promise<WebhookAnswer> => {
    const endsAt = ports.clock.monotonic() + limits.answerMs
    if (closing) throw new Refusal(503, 'this process is ending: send it again', 1)
    const head = headOf(request)
    const signature = {
      sha256: headerOf(request, 'x-hub-signature-256'),
      sha1: headerOf(request, 'x-hub-signature'),
    }
    const signed = beginSignatureCheck(signature, options)
    const leave = await gates.all.enter()
    try {
      const rules = {
        limitBytes: limits.bodyBytes,
        largeBytes: limits.largeBytes,
        limitMs: limits.bodyMs,
        large: gates.large,
      }
      const { bytes, release } = await receiveBody(request, signed, rules)
      try {
        return deliveries.run(`${head.appId ?? ''}/${head.id}`, () =>
          begin(head, parsePayload(bytes, head.mediaType), endsAt),
        )
      } finally {
        release()
      }
    } finally {
      leave()
    }
  }

  return {
    handle(request, response) {
      answer(request)
        .catch((error: unknown) => refusalOf(error, log))
        .then((result) => {
          logAnswer(log, request, result)
          options.onAnswer?.({ event: headerOf(request, 'x-github-event') ?? '', status: result.status })
          sendAnswer(request, response, { ...result, closing })
        })
        .catch((err: unknown) => {
          log.error({ err }, 'a delivery could not be answered')
          response.destroy()
        })
    },
    async close(graceMs) {
      closing = true
      const left = await queue.close(graceMs)
      if (left.length === 0) return
      const shown = left.slice(0, LEFT_SHOWN).map((work) => work.about)
      log.error(
        { count: left.length, checks: shown },
        'checks are left undone: redeliver them in the settings of the App',
      )
    },
  }
}

/** What to check, or why nothing. */
function jobOf(head: WebhookHead, payload: Payload, { isOurApp, organizations }: WebhookOptions): CheckJob | Ignored {
  const { appId, event, id } = head
  if (event === 'ping') return { ignored: 'pong' }
  if (appId === undefined || !isOurApp(appId))
    return { ignored: 'the delivery is for an App that is not configured here' }
  const job = checkJobOf({ event, id, appId, payload })
  if ('ignored' in job || organizations.length === 0 || organizations.includes(nameKey(job.target.owner))) return job
  return { ignored: 'the policies of this owner are not checked here' }
}

function repositoryKey({ owner, repository }: Target): string {
  return `${nameKey(owner)}/${nameKey(repository)}`
}

async function dropAll(changes: readonly Change[], { announce }: WebhookPorts): Promise<void> {
  await Promise.all(changes.map((change) => announce(change)))
}

function settled(answer: WebhookAnswer): Begun {
  return { answer: Promise.resolve(answer), succeeded: Promise.resolve(answer.status < 300) }
}

/** GitHub waits ten seconds, and calls a delivery failed after that: what takes longer is answered before it is done. */
async function answerInTime({ first }: Accepted, limitMs: number): Promise<WebhookAnswer> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), Math.max(0, limitMs))
  })
  const standing = await Promise.race([first, late])
  clearTimeout(timer)
  return answerTo(standing)
}

function answerTo(standing: Standing | undefined): WebhookAnswer {
  switch (standing?.kind) {
    case undefined:
      return { status: 202, message: 'accepted: the check goes on' }
    case 'done':
      return { status: 200, message: standing.what }
    case 'postponed': {
      const seconds = Math.ceil(standing.waitMs / 1000)
      return { status: 202, message: `accepted, to be tried again in ${seconds} s: ${standing.denial.message}` }
    }
    case 'failed':
      return { status: 500, message: `not checked: ${standing.denial.message}` }
    case 'dropped':
      return { status: 503, message: 'this process is ending: send it again', retryAfterSeconds: 1 }
  }
}

function refusalOf(error: unknown, log: Logger): WebhookAnswer {
  if (error instanceof Refusal) return error.answer
  log.error({ err: error }, 'a defect in the webhook')
  return { status: 500, message: 'internal error' }
}

function logAnswer(log: Logger, request: WebhookRequest, { status, message }: WebhookAnswer): void {
  const line = {
    delivery: encode(headerOf(request, 'x-github-delivery') ?? '', 64),
    event: encode(headerOf(request, 'x-github-event') ?? '', 64),
    app: encode(headerOf(request, 'x-github-hook-installation-target-id') ?? '', 20),
    status,
    outcome: encode(message),
  }
  if (status >= 400) log.warn(line, 'webhook delivery refused')
  else log.info(line, 'webhook delivery')
}

/** What came of a check, also when its delivery was answered long before. */
function logEnd(log: Logger, job: CheckJob, { end }: Accepted): void {
  void end.then((standing) => {
    if (standing.kind === 'done') log.info({ ...about(job), outcome: standing.what }, 'trust policies checked')
    if (standing.kind === 'failed') log.error({ ...about(job), err: standing.denial }, 'trust policies not checked')
  })
}

const DEFAULT_LIMITS: WebhookLimits = {
  ...WORK_LIMITS,
  // GitHub sends no more.
  bodyBytes: 25 * 1024 * 1024,
  largeBytes: 1024 * 1024,
  largeAtOnce: 2,
  bodiesAtOnce: 64,
  // GitHub gives up after ten seconds.
  bodyMs: 10_000,
  answerMs: 8_000,
}
const BODIES_WAITING = 256
const LARGE_WAITING = 16
/** For the events of one push to come in. */
const RECENT_MS = 10 * 60_000
const RECENT_KEPT = 5_000
const LEFT_SHOWN = 50
