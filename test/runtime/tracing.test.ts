import { expect, test } from '@jest/globals'
import { pino } from 'pino'
import { openTracer } from '../../src/runtime/tracing.ts'

function opening(failure: Error) {
  const lines: Record<string, unknown>[] = []
  const log = pino({ messageKey: 'message' }, { write: (line: string) => void lines.push(JSON.parse(line)) })
  const tracer = openTracer({ version: '1.0.0', isFault: () => false, log }, () => Promise.reject(failure))
  return { tracer, lines }
}

test('without its packages the service starts, and is told how to install them', async () => {
  const { tracer, lines } = opening(Object.assign(new Error('Cannot find package'), { code: 'ERR_MODULE_NOT_FOUND' }))
  expect(await tracer).toBeUndefined()
  expect(lines).toMatchObject([
    { level: 40, message: expect.stringContaining('npm install @opentelemetry/api @opentelemetry/sdk-node') },
  ])
})

test('with a version of them that does not start, it starts as well', async () => {
  const { tracer, lines } = opening(new TypeError('NodeSDK is not a constructor'))
  expect(await tracer).toBeUndefined()
  expect(lines).toMatchObject([
    { level: 40, message: 'OpenTelemetry could not be started: no traces are sent', err: { type: 'TypeError' } },
  ])
})
