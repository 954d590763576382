import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** Takes CloudEvents over HTTP, and keeps their data. */
export interface EventSink {
  readonly url: string
  /** The data of the next event that fits, also of one that has come already; rejects after five seconds. */
  next(fits: (data: Readonly<Record<string, unknown>>) => boolean): Promise<Readonly<Record<string, unknown>>>
  close(): Promise<void>
}

export async function openEventSink(): Promise<EventSink> {
  const events: Record<string, unknown>[] = []
  const waiting = new Set<() => void>()
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request.setEncoding('utf8')) body += chunk
    events.push(JSON.parse(body))
    response.writeHead(204).end()
    for (const look of waiting) look()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/`,
    next: (fits) =>
      new Promise((resolve, reject) => {
        const late = setTimeout(() => {
          waiting.delete(look)
          reject(new Error('the event did not come'))
        }, LATEST_MS)
        const look = () => {
          const found = events.find(fits)
          if (found === undefined) return void waiting.add(look)
          clearTimeout(late)
          waiting.delete(look)
          resolve(found)
        }
        look()
      }),
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

const LATEST_MS = 5_000
