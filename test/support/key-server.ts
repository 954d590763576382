import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'

/** An HTTP server that stands in for a key management service or a secret manager, and fails where it is told to. */
export interface KeyServer extends AsyncDisposable {
  readonly url: string
  readonly requests: readonly KeyRequest[]
  /** What happens to the next requests instead of an answer, one each. */
  readonly faults: KeyServerFault[]
}

export interface KeyRequest {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

export interface KeyAnswer {
  readonly status: number
  readonly body: unknown
  readonly headers?: Readonly<Record<string, string>>
}

export type KeyServerFault = 'hang' | 'reset' | 'html' | 'truncated' | 'unclosed' | 'endless' | KeyAnswer

export async function startKeyServer(
  answer: (request: KeyRequest) => KeyAnswer | Promise<KeyAnswer>,
  tls?: { readonly key: string; readonly cert: string },
): Promise<KeyServer> {
  const requests: KeyRequest[] = []
  const faults: KeyServerFault[] = []
  const handle = async (incoming: IncomingMessage, response: ServerResponse) => {
    const request = await received(incoming)
    requests.push(request)
    give(response, faults.shift() ?? (await answer(request)))
  }
  const listener = (incoming: IncomingMessage, response: ServerResponse) =>
    void handle(incoming, response).catch(() => incoming.socket.destroy())
  const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    requests,
    faults,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function give(response: ServerResponse, what: KeyAnswer | KeyServerFault): void {
  if (what === 'hang') return
  if (what === 'reset') {
    response.socket?.resetAndDestroy()
    return
  }
  if (what === 'html') {
    response.writeHead(200, { 'content-type': 'text/html' }).end('<html><body>Sign in to the Wi-Fi</body></html>')
    return
  }
  if (what === 'unclosed') {
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"SecretString":"hunter2","value":"hunter2"')
    return
  }
  if (what === 'truncated') {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' }).write('{"a":')
    response.socket?.destroySoon()
    return
  }
  if (what === 'endless') {
    response.writeHead(200, { 'content-type': 'application/json' })
    const more = () => {
      while (response.writable && response.write('['.repeat(65_536)));
    }
    response.on('drain', more)
    more()
    return
  }
  response.writeHead(what.status, { 'content-type': 'application/json', ...what.headers })
  response.end(JSON.stringify(what.body))
}

async function received(incoming: IncomingMessage): Promise<KeyRequest> {
  const chunks: Buffer[] = []
  for await (const chunk of incoming) chunks.push(chunk as Buffer)
  return {
    method: incoming.method ?? '',
    path: incoming.url ?? '',
    headers: incoming.headers,
    body: Buffer.concat(chunks).toString(),
  }
}
