import cluster from 'node:cluster'
import type { SupervisorSettings } from '../config/supervisor-settings.ts'
import { createLog, type Logger } from '../runtime/log.ts'
import { untilStopped } from '../runtime/shutdown.ts'
import { type Crew, createCrew } from './crew.ts'

/**
 * Several processes on the one port, which take connections in turn; each is a whole service. One that dies is replaced,
 * SIGHUP replaces all, one after the other, and SIGTERM or SIGINT ends all. Resolves to the exit status: 0, or 1 when the
 * service could not start, or its workers end again and again.
 */
export async function supervise(settings: SupervisorSettings & { readonly workers: number }): Promise<number> {
  const log = createLog(settings.logLevel)
  const stop = untilStopped()
  cluster.schedulingPolicy = cluster.SCHED_RR // the kernel's own choice gives long-lived connections to few
  const crew = createCrew(settings, log)
  const onHangUp = () => void crew.renew()
  process.on('SIGHUP', onHangUp)
  let metrics: Awaited<ReturnType<typeof openMetrics>>
  try {
    metrics = await openMetrics(settings, { crew, log })
    crew.open()
    void crew.listening.then((port) => {
      log.info({ port, ...metrics?.about, workers: settings.workers }, 'listening')
    })
    const outcome = await Promise.race([stop.signalled, crew.failed])
    log.info({ why: outcome }, 'stopping')
    await crew.close()
    return outcome === 'workers failed' ? 1 : 0
  } catch (error) {
    log.fatal({ err: error }, 'the service could not start')
    return 1
  } finally {
    process.off('SIGHUP', onHangUp)
    await metrics?.close()
    stop.dispose()
  }
}

async function openMetrics(
  { metrics: wanted }: SupervisorSettings,
  { crew, log }: { readonly crew: Crew; readonly log: Logger },
) {
  if (wanted === undefined) return undefined
  const { createWorkerMetrics } = await import('../audit/worker-metrics.ts')
  const metrics = createWorkerMetrics({ ask: crew.count })
  crew.countFor(metrics)
  const { port, close } = await metrics.listen({ port: wanted.port, log })
  return { about: { metrics_port: port }, close }
}
