import { composeWebhook, SETTINGS_NEEDS } from '../compose.ts'
import { isHeapLeftToV8, settingsOfEnvironment } from '../config/environment.ts'
import { ConfigurationError } from '../config/reader.ts'
import { createLog } from '../runtime/log.ts'
import { untilStopped } from '../runtime/shutdown.ts'
import { keepHeapSmall } from '../runtime/small-heap.ts'

/** Serves GitHub's webhook alone until SIGTERM or SIGINT. Resolves to the exit status: 0, or 1 when it could not start. */
export async function webhook(): Promise<number> {
  if (!isHeapLeftToV8(process.execArgv)) keepHeapSmall()
  const settings = readOrExplain()
  if (settings === undefined) return 1

  const log = createLog(settings.logLevel)
  for (const note of settings.notes) log.warn(note)
  const stop = untilStopped()
  try {
    const service = await composeWebhook(settings, { log })
    // A wrong key is in the log, and in /readyz; what deliveries drop is dropped all the same.
    service.keyProved.catch(() => {})
    log.info({ port: service.port, tls: settings.tls !== undefined }, 'listening for webhook deliveries')
    log.info({ why: await stop.signalled }, 'stopping')
    await service.close()
    return 0
  } catch (error) {
    log.fatal({ err: error }, 'the webhook could not start')
    return 1
  } finally {
    stop.dispose()
  }
}

function readOrExplain() {
  try {
    const settings = settingsOfEnvironment(SETTINGS_NEEDS)
    if (settings.webhook !== undefined) return settings
    process.stderr.write("octo-sts: GITHUB_WEBHOOK_SECRET must be set: the secret that the App's settings have\n")
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error
    process.stderr.write(`octo-sts: ${error.message}\n`)
  }
  return undefined
}
