import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { SETTINGS_NEEDS } from '../compose.ts'
import { storeSettingsOfEnvironment } from '../config/environment.ts'
import { ConfigurationError } from '../config/reader.ts'
import type { StoreSettings } from '../config/store-settings.ts'
import { identityMark, subjectMark } from '../exchange/revocation-marks.ts'
import { createRevokeFamily } from '../exchange/revoke-family.ts'
import type { Stores } from '../exchange/stores.ts'
import { systemClock } from '../runtime/clock.ts'
import { createLog } from '../runtime/log.ts'
import { openStores } from '../store/open-stores.ts'
import { createRefreshTokenSeal } from '../store/refresh-token-seal.ts'
import { parseStoreUrl } from '../store/store-address.ts'
import { Denial } from '../terms/denial.ts'
import { parseIdentity } from '../terms/identity.ts'
import { formatScope, parseScope } from '../terms/scope.ts'

const USAGE = `octo-sts revoke: ends refresh tokens, at once and on every replica (STORE_URL says where their state is,
and MAX_REFRESH_AGE, which must be the service's, how long that has to be remembered)

  octo-sts revoke --scope SCOPE --identity IDENTITY   all that were issued for it until now
  octo-sts revoke --issuer ISSUER --subject SUBJECT   all that were issued to this subject until now
  octo-sts revoke --refresh-token FILE                the one in the file (-: standard input), and all of its family;
                                                      REFRESH_TOKEN_KEYS must be those of the service
`

/** Marks as revoked what the arguments say. Resolves to the exit status. */
export async function revoke(args: string[]): Promise<number> {
  const task = readTask(args)
  if (typeof task === 'string') return failed(`${task}\n\n${USAGE}`, 2)
  let stores: Stores | undefined
  try {
    const settings = storeSettingsOfEnvironment(SETTINGS_NEEDS)
    if (settings.storeUrl === undefined)
      return failed(
        'STORE_URL must be set: without it refresh tokens are known to one process alone, and end with it',
        1,
      )
    const address = parseStoreUrl(settings.storeUrl)
    stores = await openStores({ address, clock: systemClock, log: createLog('warn', STDERR) })
    process.stdout.write(`${await task(stores, settings)}\n`)
    return 0
  } catch (error) {
    if (error instanceof ConfigurationError || error instanceof Denial) return failed(error.message, 1)
    throw error
  } finally {
    await stores?.close()
  }
}

/** Does what was asked for, and says what it did. */
type Task = (stores: Stores, settings: StoreSettings) => Promise<string>

function readTask(args: string[]): Task | string {
  try {
    const { values } = parseArgs({ args, options: OPTIONS })
    const { scope, identity, issuer, subject, 'refresh-token': file } = values
    // An empty shell variable would revoke nothing, and be told that it did.
    const given = Object.keys(values).sort().join(' ')
    if (Object.values(values).includes('')) return 'an option is empty: say what to revoke'
    if (given === 'identity scope' && scope !== undefined && identity !== undefined) {
      const name = formatScope(parseScope(scope))
      return markTask(identityMark(name, parseIdentity(identity)), `all refresh tokens of ${name}/${identity}`)
    }
    if (given === 'issuer subject' && issuer !== undefined && subject !== undefined) {
      return markTask(subjectMark(issuer, subject), `all refresh tokens of ${subject} at ${issuer}`)
    }
    if (given === 'refresh-token' && file !== undefined) return familyTask(file)
    return 'say what to revoke'
  } catch (error) {
    return error instanceof Error ? error.message : 'the options could not be read'
  }
}

function markTask(name: string, what: string): Task {
  return async ({ marks }, { maxRefreshAgeMs }) => {
    await marks.mark(name, maxRefreshAgeMs)
    return `revoked: ${what} that were issued until now`
  }
}

function familyTask(file: string): Task {
  return async ({ families }, { refreshTokenKeys: [first, ...others] }) => {
    if (first === undefined)
      throw new ConfigurationError(['REFRESH_TOKEN_KEYS must be set: the token is sealed with one of them'])
    const token = textOf(file)
    const revokeFamily = createRevokeFamily({ families, seal: createRefreshTokenSeal([first, ...others]) })
    if (await revokeFamily(token)) return 'revoked: the refresh token and all of its family'
    throw new ConfigurationError(['the file holds no refresh token that these REFRESH_TOKEN_KEYS can open'])
  }
}

function textOf(file: string): string {
  try {
    return readFileSync(file === '-' ? STDIN : file, 'utf8').trim()
  } catch (error) {
    throw new ConfigurationError([
      `the file ${file} cannot be read: ${error instanceof Error ? error.message : 'unknown'}`,
    ])
  }
}

function failed(message: string, status: number): number {
  process.stderr.write(`octo-sts revoke: ${message}\n`)
  return status
}

const OPTIONS = {
  scope: { type: 'string' },
  identity: { type: 'string' },
  issuer: { type: 'string' },
  subject: { type: 'string' },
  'refresh-token': { type: 'string' },
} as const
const STDIN = 0
const STDERR = 2
