import { composeService, SETTINGS_NEEDS, type Service } from '../compose.ts'
import { settingsOfEnvironment } from '../config/environment.ts'
import { ConfigurationError } from '../config/reader.ts'
import type { Settings } from '../config/settings.ts'
import { createLog, type Logger } from '../runtime/log.ts'
import { untilStopped, untilToldToStop } from '../runtime/shutdown.ts'
import type { SupervisorLine } from '../runtime/supervisor-line.ts'
import { Denial } from '../terms/denial.ts'

/**
 * The service in this process, until SIGTERM or SIGINT, or of a worker until its supervisor says so. Resolves to the exit
 * status: 0, or 1 when it could not start.
 */
export async function runService(line: SupervisorLine | undefined): Promise<number> {
  try {
    const settings = readOrExplain()
    return settings === undefined ? 1 : await run(settings, line)
  } finally {
    line?.close()
  }
}

async function run(settings: Settings, line: SupervisorLine | undefined): Promise<number> {
  const log = createLog(settings.logLevel)
  // Once for all workers: each reads the same.
  if (line === undefined || line.workerId === 1) for (const note of settings.notes) log.warn(note)
  const stop = line === undefined ? untilStopped() : untilToldToStop(line)
  try {
    let isWarm = !settings.selfExercise
    const service = await composeService(settings, {
      log,
      isWarm: () => isWarm,
      ...(line === undefined ? {} : { line }),
    })
    const warm = settings.selfExercise ? exercised(log) : Promise.resolve()
    void warm.then(() => {
      isWarm = true
    })
    announce(service, { settings, log, line, warm })
    const outcome = await Promise.race([stop.signalled, refusal(service.keyProved)])
    log.info({ why: outcome }, 'stopping')
    await service.close()
    if (outcome !== 'key refused' && outcome !== 'signer refused') return 0
    log.fatal(ADVICE[outcome])
    return 1
  } catch (error) {
    log.fatal({ err: error }, 'the service could not start')
    return 1
  } finally {
    stop.dispose()
  }
}

/** Beside the open port: whoever comes in these two seconds is served, and only waits a little. */
async function exercised(log: Logger): Promise<void> {
  const { exercise } = await import('./exercise.ts')
  await exercise(log)
}

interface Announced {
  readonly warm: Promise<void>
  readonly settings: Settings
  readonly log: Logger
  readonly line: SupervisorLine | undefined
}

/** A worker tells its supervisor, which has the last word on when the service listens. */
function announce({ port, metricsPort, keyProved }: Service, { settings, log, line, warm }: Announced): void {
  const { domain, tls } = settings
  const about = {
    port,
    ...(metricsPort === undefined ? {} : { metrics_port: metricsPort }),
    domain,
    tls: tls !== undefined,
  }
  if (line === undefined) {
    log.info(about, 'listening')
    return
  }
  log.info({ worker: line.workerId, pid: process.pid, ...about }, 'a worker listens')
  void line.tell({ kind: 'listening', port })
  Promise.all([keyProved, warm]).then(
    () => line.tell({ kind: 'ready' }),
    () => {}, // the worker is about to end with it
  )
}

function readOrExplain() {
  try {
    return settingsOfEnvironment(SETTINGS_NEEDS)
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error
    process.stderr.write(`octo-sts: ${error.message}\n`)
    return undefined
  }
}

/** Settles only when the key is of no use. */
async function refusal(keyProved: Promise<void>): Promise<keyof typeof ADVICE> {
  try {
    await keyProved
  } catch (error) {
    if (error instanceof Denial) return error.reason === 'SIGNER_REFUSED' ? 'signer refused' : 'key refused'
  }
  return new Promise(() => {})
}

const ADVICE = {
  'key refused':
    "GitHub refuses the App's credentials: check that GITHUB_APP_IDS is the id of the App that this private key belongs to, that the key was not deleted in the App's settings, that GITHUB_BASE_URL is the right GitHub, and that this machine's clock is right",
  'signer refused':
    'the key management service refuses to sign: check KMS_PROVIDER, the name of the key in KMS_KEYS or kms_key, that the key is an RSA key and enabled, and that this service may sign with it (the line before this one has what the service said)',
} as const
