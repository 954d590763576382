// Exit code 0 when the server of this container is alive. It answers for itself only, over loopback, so its certificate,
// which names the service and not this address, is not checked.
import http from 'node:http'
import https from 'node:https'

const TIME_LIMIT_MS = 2_000 // below the time-out of HEALTHCHECK
const tls = Boolean(process.env.TLS_CERT_FILE)
const url = `${tls ? 'https' : 'http'}://127.0.0.1:${process.env.PORT || 8080}/healthz`
const options = { agent: false, rejectUnauthorized: false, signal: AbortSignal.timeout(TIME_LIMIT_MS) }

;(tls ? https : http)
  .get(url, options, (answer) => process.exit(answer.statusCode === 200 ? 0 : 1))
  .on('error', (error) => {
    console.error(`${url}: ${error.message}`)
    process.exit(1)
  })
