import cluster, { type Worker } from 'node:cluster'
import { setTimeout as sleep } from 'node:timers/promises'
import type { WorkerMetrics } from '../audit/worker-metrics.ts'
import { systemClock } from '../runtime/clock.ts'
import type { Logger } from '../runtime/log.ts'
import { settlement } from '../runtime/settlement.ts'
import type { ToSupervisor, ToWorker } from '../runtime/supervisor-line.ts'

export interface CrewSettings {
  readonly workers: number
  readonly shutdownGraceMs: number
}

/** A worker, from its start to its end. */
interface Member {
  readonly worker: Worker
  readonly bornMs: number
  readonly ready: Promise<void>
  readonly ended: Promise<void>
  /** It was told to end, or its end is looked after by somebody else. */
  isLeaving: boolean
}

/** The workers of a supervisor. */
export interface Crew {
  /** The port, once every worker of the first crew listens. */
  readonly listening: Promise<number>
  readonly failed: Promise<'workers failed'>
  /** Called once: begins with one worker, and with the others when that one listens. */
  open(): void
  /** Replaces each worker, when its successor is ready. Never rejects. */
  renew(): Promise<void>
  /** Ends all workers, within the grace. Never rejects. */
  close(): Promise<void>
  /** Of the metrics: whom to ask, and whom to tell. */
  count(): readonly number[]
  countFor(metrics: WorkerMetrics): void
}

export function createCrew({ workers, shutdownGraceMs }: CrewSettings, log: Logger): Crew {
  const members = new Set<Member>()
  const [listening, failed] = [settlement<number>(), settlement<'workers failed'>()]
  let metrics: WorkerMetrics | undefined
  let everReady = false
  const closing = new AbortController()
  let isRenewing = false
  let early = 0
  let listeners = 0

  const staying = () => [...members].filter(({ isLeaving }) => !isLeaving)
  const say = ({ worker }: Member, message: ToWorker) => {
    if (worker.isConnected()) worker.send(message, () => {}) // one that is dying has nothing to hear
  }

  /** Keeps the process alive, which may have nothing else just then. */
  const pause = (ms: number) => sleep(ms, undefined, { signal: closing.signal }).catch(() => {})

  function start(): Member {
    const worker = cluster.fork()
    const [ready, ended] = [settlement<void>(), settlement<void>()]
    const bornMs = systemClock.monotonic()
    const member: Member = { worker, bornMs, ready: ready.promise, ended: ended.promise, isLeaving: false }
    members.add(member)
    worker.on('message', (message: ToSupervisor) => {
      if (message.kind === 'listening') hearListening(message.port)
      else if (message.kind === 'counted') metrics?.counted(worker.id, message.metrics)
      else if (message.kind === 'published') for (const each of members) say(each, message)
      else {
        everReady = true
        ready.resolve()
      }
    })
    worker.once('exit', (code: number | null, signal: string | null) => {
      members.delete(member)
      metrics?.ended(worker.id)
      ended.resolve()
      if (!member.isLeaving && !closing.signal.aborted) void replace(member, { code, signal })
    })
    worker.on('error', (error) => log.error({ err: error, worker: worker.id }, 'a worker could not be reached'))
    return member
  }

  function hearListening(port: number): void {
    listeners += 1
    if (listeners === 1) fill()
    if (listeners === workers) listening.resolve(port)
  }

  function fill(): void {
    while (!closing.signal.aborted && staying().length < workers) start()
  }

  /** Before any worker was ever ready, it is the configuration: a service that cannot start ends. */
  async function replace(
    { worker, bornMs }: Member,
    how: { code: number | null; signal: string | null },
  ): Promise<void> {
    early = systemClock.monotonic() - bornMs < EARLY_MS ? early + 1 : 0
    const rounds = Math.floor(early / workers)
    if (!everReady || rounds >= MOST_ROUNDS) {
      if (everReady) log.fatal({ ...how, ends: early }, 'workers end as soon as they are started, again and again')
      failed.resolve('workers failed')
      return
    }
    log.error({ worker: worker.id, ...how }, 'a worker ended: another takes its place')
    if (rounds > 0) await pause(FIRST_PAUSE_MS * 2 ** (rounds - 1))
    fill()
  }

  async function leave(member: Member): Promise<void> {
    member.isLeaving = true
    say(member, { kind: 'stop' })
    const cut = setTimeout(() => member.worker.process.kill('SIGKILL'), shutdownGraceMs + MARGIN_MS)
    await member.ended
    clearTimeout(cut)
  }

  /** A successor that does not get ready is ended, and its predecessor stays. */
  async function succeed(old: Member): Promise<boolean> {
    const successor = start()
    successor.isLeaving = true // until it is ready, its end is no reason to start another
    const late = sleep(READY_MS, 'late', { ref: false })
    const outcome = await Promise.race([successor.ready.then(() => 'ready'), successor.ended, late])
    if (outcome !== 'ready') {
      if (!closing.signal.aborted)
        log.error({ worker: successor.worker.id }, 'a new worker did not get ready: the old ones stay')
      if (members.has(successor)) await leave(successor)
      return false
    }
    if (!members.has(old)) {
      await leave(successor) // somebody has taken that place already
      return true
    }
    successor.isLeaving = false
    await leave(old)
    return true
  }

  return {
    listening: listening.promise,
    failed: failed.promise,
    open: () => void start(),
    async renew() {
      if (isRenewing || closing.signal.aborted) return
      isRenewing = true
      log.info('SIGHUP: each worker is replaced')
      for (const old of staying()) if (members.has(old) && !closing.signal.aborted && !(await succeed(old))) break
      isRenewing = false
      if (!closing.signal.aborted) log.info({ workers: staying().length }, 'the workers were replaced')
      fill()
    },
    async close() {
      closing.abort()
      await Promise.all([...members].map(leave))
    },
    count() {
      for (const each of members) say(each, { kind: 'count' })
      return [...members].map(({ worker }) => worker.id)
    },
    countFor(given) {
      metrics = given
    },
  }
}

/** A worker that ends sooner has ended at once. */
const EARLY_MS = 10_000
/** Of as many early ends in a row as there are workers. */
const MOST_ROUNDS = 3
const FIRST_PAUSE_MS = 200
/** For a successor to be ready: it tries itself, and asks GitHub who it is. */
const READY_MS = 60_000
/** What a worker may take beyond the grace: its last words, events and metrics. */
const MARGIN_MS = 5_000
