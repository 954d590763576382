import { composeService, SETTINGS_NEEDS } from '../compose.ts'
import { settingsOfEnvironment } from '../config/environment.ts'
import { ConfigurationError } from '../config/reader.ts'
import { createLog } from '../runtime/log.ts'
import { untilStopped } from '../runtime/shutdown.ts'
import { Denial } from '../terms/denial.ts'

/** Runs the service until SIGTERM or SIGINT. Resolves to the exit status: 0, or 1 when it could not start. */
export async function serve(): Promise<number> {
  const settings = readOrExplain()
  if (settings === undefined) return 1

  const log = createLog(settings.logLevel)
  for (const note of settings.notes) log.warn(note)
  const stop = untilStopped()
  try {
    const service = await composeService(settings, { log })
    const { port, metricsPort } = service
    log.info(
      {
        port,
        ...(metricsPort === undefined ? {} : { metrics_port: metricsPort }),
        domain: settings.domain,
        tls: settings.tls !== undefined,
      },
      'listening',
    )
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
