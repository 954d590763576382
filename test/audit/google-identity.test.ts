import { expect, test } from '@jest/globals'
import { pino } from 'pino'
import { createGoogleIdentity, type GoogleIdentityOptions } from '../../src/audit/google-identity.ts'

const FUNCTION = 'https://europe-west1-project.cloudfunctions.net/events'

/** Google's library as far as it is used: it gives the audience as the token, or fails. */
function libraryOf({ credentials = true, token = true } = {}) {
  const asked: string[] = []
  class GoogleAuth {
    async getIdTokenClient(audience: string) {
      asked.push(audience)
      if (!credentials) throw new Error('Could not load the default credentials')
      return {
        async getRequestHeaders() {
          if (!token) throw new Error('the metadata server answered 500')
          return new Headers({ authorization: `Bearer for ${audience}` })
        },
      }
    }
  }
  return { asked, load: () => Promise.resolve({ GoogleAuth } as never) }
}

function optionsOf(sink: string, auth: GoogleIdentityOptions['auth']) {
  const lines: Record<string, unknown>[] = []
  const log = pino({ messageKey: 'message' }, { write: (line: string) => void lines.push(JSON.parse(line)) })
  const time = { ms: 0 }
  return { options: { sink, auth, log, monotonic: () => time.ms }, lines, time }
}

test.each([
  ['https://events-abc.run.app/in?x=1', 'auto', 'Bearer for https://events-abc.run.app'],
  [FUNCTION, 'auto', `Bearer for ${FUNCTION}`],
  ['https://events.example.com/in', 'google', 'Bearer for https://events.example.com'],
  ['https://events.example.com/in', 'auto', undefined],
  ['https://run.app.example.com/in', 'auto', undefined],
  ['https://evilrun.app/in', 'auto', undefined],
  ['https://events-abc.run.app/in', 'none', undefined],
  ['http://events-abc.run.app/in', 'auto', undefined],
  ['http://events.example.com/in', 'google', undefined],
] as const)('the sink %s with EVENT_INGRESS_AUTH=%s gets %s', async (sink, auth, expected) => {
  const identity = await createGoogleIdentity(optionsOf(sink, auth).options, libraryOf().load)
  expect(await identity?.()).toBe(expected)
})

test('without the package, auto sends events without an identity and says so, google does not start', async () => {
  const missing = () => Promise.reject(new Error('not found'))
  const auto = optionsOf('https://events-abc.run.app', 'auto')
  expect(await createGoogleIdentity(auto.options, missing)).toBeUndefined()
  expect(auto.lines).toMatchObject([{ level: 40, message: expect.stringContaining('npm install google-auth-library') }])
  await expect(createGoogleIdentity(optionsOf('https://x.example', 'google').options, missing)).rejects.toThrow(
    'EVENT_INGRESS_AUTH is google, and the package of Google is not installed: npm install google-auth-library',
  )
})

test('without credentials, auto sends events without an identity, says so, and looks again after a minute', async () => {
  const { options, lines, time } = optionsOf('https://events-abc.run.app', 'auto')
  const { asked, load } = libraryOf({ credentials: false })
  const identity = await createGoogleIdentity(options, load)
  expect(await identity?.()).toBeUndefined()
  expect(await identity?.()).toBeUndefined()
  expect(asked).toHaveLength(1)
  expect(lines).toMatchObject([{ message: 'events are sent without an identity: no Google credentials' }])
  time.ms = 60_000
  expect(await identity?.()).toBeUndefined()
  expect(asked).toHaveLength(2)
})

test.each([
  ['credentials', { credentials: false }, 'google'],
  ['a token', { token: false }, 'google'],
  ['a token', { token: false }, 'auto'],
] as const)('without %s (%j) a delivery with %s fails, and is tried again like others', async (_, library, auth) => {
  const { options } = optionsOf('https://events-abc.run.app', auth)
  const identity = await createGoogleIdentity(options, libraryOf(library).load)
  await expect(identity?.()).rejects.toThrow('no Google ID token for the event sink: ')
})
