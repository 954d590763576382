import { type Logger, pino } from 'pino'

export type { Logger }

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/**
 * JSON lines on a file descriptor (1: standard output): `time` is RFC 3339, `level` a word. Values are encoded, so no text
 * can forge a line. Lines are written some at a time, at most 50 ms late, in their order; `fatal` at once, and whatever
 * waits when the process exits, by `process.exit` and by an uncaught error too. What is lost without an exit (SIGKILL, an
 * abort) are the last 50 ms.
 */
export function createLog(level: LogLevel, fd = 1): Logger {
  return pino(
    {
      level,
      base: null,
      messageKey: 'message',
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    inBatches(pino.destination({ fd, sync: true })),
  )
}

/**
 * Gathers lines: a system call for each would be a twentieth of what an exchange costs. They are written synchronously, so
 * that none is ever on its way when the process ends; a reader that does not read holds up the service, and no line of the
 * audit is dropped.
 */
function inBatches(destination: { write(text: string): unknown }) {
  let waiting = ''
  let timer: NodeJS.Timeout | undefined
  let isFirst = true

  function flushSync(): void {
    clearTimeout(timer)
    timer = undefined
    const text = waiting
    waiting = ''
    if (text !== '') destination.write(text)
  }

  return {
    write(line: string): void {
      if (isFirst) process.once('exit', flushSync)
      isFirst = false
      waiting += line
      if (waiting.length >= BATCH_CHARACTERS) flushSync()
      else timer ??= setTimeout(flushSync, LATE_MS).unref()
    },
    flushSync,
    flush(done?: () => void): void {
      flushSync()
      done?.()
    },
  }
}

/** What a pipe takes at once, however little its reader has read (POSIX has 64 KiB on Linux): some ten exchanges. */
const BATCH_CHARACTERS = 16_384
const LATE_MS = 50
