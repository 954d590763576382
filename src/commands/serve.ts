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
    log.info({ port: service.port, domain: settings.domain, tls: settings.tls !== undefined }, 'listening')
    const outcome = await Promise.race([stop.signalled, refusal(service.keyProved)])
    log.info({ why: outcome }, 'stopping')
    await service.close()
    if (outcome !== 'key refused') return 0
    log.fatal(
      `GitHub refuses the App's credentials: check that GITHUB_APP_IDS is the id of the App that this private key belongs to, that the key was not deleted in the App's settings, that GITHUB_BASE_URL is the right GitHub, and that this machine's clock is right`,
    )
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

/** Settles only when GitHub refuses the key. */
async function refusal(keyProved: Promise<void>): Promise<'key refused'> {
  try {
    await keyProved
  } catch (error) {
    if (error instanceof Denial) return 'key refused'
  }
  return new Promise(() => {})
}
