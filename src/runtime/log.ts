import { type Logger, pino } from 'pino'
import { systemClock } from './clock.ts'

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
  const destination = inBatches(pino.destination({ fd, sync: true }))
  const log = pino(
    {
      level,
      base: null,
      messageKey: 'message',
      timestamp: () => `,"time":"${currentTime()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  )
  destinations.set(log, destination)
  return log
}

/**
 * Writes the line that `log[level](fields, message)` writes, for the one line that each exchange has: by a single
 * JSON.stringify, at a third of what pino takes for two dozen members, and as one flat text.
 */
export function writeLine(log: Logger, level: 'info' | 'error', fields: object, message: string): void {
  if (!log.isLevelEnabled(level)) return
  const members = membersOf(fields)
  const destination = destinations.get(log)
  if (members === undefined || destination === undefined) log[level](fields, message)
  else
    destination.write(
      `{"level":"${level}","time":"${currentTime()}",${members},"message":${JSON.stringify(message)}}\n`,
    )
}

/** Undefined where there are none, or where they cannot be written as they are: pino can write anything. */
function membersOf(fields: object): string | undefined {
  try {
    const text = JSON.stringify(fields)
    return text.length > 2 ? text.slice(1, -1) : undefined
  } catch {
    return undefined
  }
}

/** RFC 3339, in milliseconds: a text that many lines have in common. */
function currentTime(): string {
  const now = systemClock.now()
  if (now !== time.now) {
    time.now = now
    time.text = new Date(now).toISOString()
  }
  return time.text
}

const time = { now: Number.NaN, text: '' }
/** Of the logs that are made here. */
const destinations = new WeakMap<Logger, { write(line: string): void }>()

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

/** Half of what a pipe holds on Linux, so that a reader that is one batch behind holds up nobody: some 25 exchanges. */
const BATCH_CHARACTERS = 32_768
const LATE_MS = 50
