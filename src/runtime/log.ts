import { type Logger, pino } from 'pino'

export type { Logger }

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/**
 * JSON lines on a file descriptor (1: standard output): `time` is RFC 3339, `level` a word. Values are encoded, so no text
 * can forge a line.
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
    pino.destination(fd),
  )
}
