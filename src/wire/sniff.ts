import type { Socket } from 'node:net'

/** What a connection speaks, as its first bytes say. */
export type Protocol = 'http1' | 'http2'

/**
 * Looks at the first bytes of a connection: `PRI` begins HTTP/2 (RFC 9113 §3.4), and no method of HTTP/1.1 does. The
 * bytes are put back before `hand` is called, so each is parsed once. A connection that does not say it in `limitMs` is cut.
 */
export function sniff(socket: Socket, limitMs: number, hand: (protocol: Protocol) => void): void {
  const timer = setTimeout(() => socket.destroy(), limitMs)
  let seen: Buffer = Buffer.alloc(0)
  const stop = (): void => {
    clearTimeout(timer)
    socket.off('readable', look).off('end', leave).off('close', stop)
  }
  const leave = (): void => {
    stop()
    socket.destroy()
  }
  const look = (): void => {
    const chunk: unknown = socket.read()
    if (!Buffer.isBuffer(chunk)) return
    seen = seen.length === 0 ? chunk : Buffer.concat([seen, chunk])
    const compared = Math.min(seen.length, PREFACE.length)
    const matches = seen.subarray(0, compared).equals(PREFACE.subarray(0, compared))
    if (matches && compared < PREFACE.length) return
    stop()
    socket.unshift(seen)
    hand(matches ? 'http2' : 'http1')
  }
  socket.on('readable', look).on('end', leave).on('close', stop)
}

const PREFACE = Buffer.from('PRI')
