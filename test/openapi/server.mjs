// The wire as it was built, before an exchange that does in turn whatever it may do: succeed, and be refused for a reason
// of each HTTP status. So every answer that /openapi.json documents is really given. It prints its address as JSON, and
// stays until it is told to stop.
import { pino } from 'pino'
import { bearerOf, scopeOf } from '../../dist/src/exchange/request.js'
import { Denial } from '../../dist/src/terms/denial.js'
import { listen } from '../../dist/src/wire/listen.js'
import { answerOf, httpStatusOf, oauthStatusOf, REASONS } from '../../dist/src/wire/status.js'

// What no exchange can be refused for: the answers of the HTTP half, which the requests themselves cause.
const NOT_OF_AN_EXCHANGE = new Set([
  'CANCELLED',
  'ROUTE_NOT_FOUND',
  'METHOD_NOT_ALLOWED',
  'REQUEST_TOO_LARGE',
  'MEDIA_TYPE_UNSUPPORTED',
])
const HOUR_MS = 3_600_000
const [token] = process.argv.slice(2)

/** undefined (success), and one reason for each status of either table. */
const outcomes = [
  undefined,
  ...new Map(
    REASONS.filter((reason) => !NOT_OF_AN_EXCHANGE.has(reason)).map((reason) => [
      `${httpStatusOf(answerOf(reason))} ${oauthStatusOf(answerOf(reason))}`,
      reason,
    ]),
  ).values(),
]

/** Goes through the outcomes, for each of the ports by itself. */
const turns = new Map()
function turn(who) {
  const count = turns.get(who) ?? 0
  turns.set(who, count + 1)
  const reason = outcomes[count % outcomes.length]
  if (reason !== undefined) throw new Denial(reason, `what "${reason}" says`, { field: 'cap' })
}

const issued = () => ({
  token: 'ghs_openapi',
  expiresAt: new Date(Date.now() + HOUR_MS),
  permissions: { contents: 'read' },
  refreshToken: { token: 'refresh', expiresAt: new Date(Date.now() + HOUR_MS) },
  abandon() {},
})
function authenticate(authorization) {
  if (bearerOf(authorization) !== token) throw new Denial('SIGNATURE_INVALID', 'unable to verify bearer token')
}

const server = await listen({
  exchange: async (request) => {
    scopeOf(request)
    authenticate(request.authorization)
    turn('exchange')
    return issued()
  },
  refresh: async (request) => {
    scopeOf(request)
    authenticate(request.authorization)
    turn('refresh')
    return issued()
  },
  revokeRefreshToken: async () => {
    turn('revoke')
    return true
  },
  revokeInstallationToken: async () => {
    turn('revoke')
    return 'revoked'
  },
  clock: { now: () => Date.now() },
  domain: 'sts.example.com',
  port: 0,
  host: '127.0.0.1',
  isReady: (() => {
    let ready = false
    return () => {
      ready = !ready // both answers of /readyz are documented
      return ready
    }
  })(),
  log: pino({ level: 'silent' }),
  newRequestId: () => crypto.randomUUID(),
  documents: new Map(
    ['trust-policy', 'organization-policy', 'trusted-issuers'].map((name) => [
      `/schemas/${name}.json`,
      { contentType: 'application/schema+json', body: '{"type":"object"}' },
    ]),
  ),
})
console.log(JSON.stringify({ address: `127.0.0.1:${server.port}` }))
for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => server.close(0))
