import { describe, expect, test } from '@jest/globals'
import { CompactEncrypt, EncryptJWT } from 'jose'
import type { RefreshTokenContents } from '../../src/exchange/refresh-token.ts'
import { createRefreshTokenSeal } from '../../src/store/refresh-token-seal.ts'

const [OLD, NEW, FOREIGN] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2), Buffer.alloc(32, 3)] as const
const CONTENTS: RefreshTokenContents = {
  family: 'family-1',
  generation: 3,
  startedAtMs: 1_800_000_000_000,
  endsAtMs: 1_800_000_360_000,
  scope: 'acme/app',
  identity: 'ci',
  cap: [['contents', 'read']],
  claims: {
    iss: 'https://issuer.example',
    sub: 'workload',
    aud: ['sts.example'],
    exp: 1_800_000_000,
    jti: 'one',
    payload: {
      iss: 'https://issuer.example',
      sub: 'workload',
      exp: 1_800_000_000,
      jti: 'one',
      nested: { list: [1, 'zwei', null] },
    },
    exactPayload: { big: '12345678901234567890' },
  },
}

/** Seals any text as a refresh token of this key would be. */
function sealed(text: string, header: Record<string, string> = {}, key: Uint8Array = OLD): Promise<string> {
  return new CompactEncrypt(new TextEncoder().encode(text))
    .setProtectedHeader({ alg: 'A256KW', enc: 'A256GCM', typ: 'octo-sts-refresh+jwe', ...header })
    .encrypt(key)
}

test('what was sealed is opened again, all of it', async () => {
  const seal = createRefreshTokenSeal([OLD])
  const token = await seal.seal(CONTENTS)
  expect(await seal.open(token ?? '')).toEqual(CONTENTS)
})

test('no two seals are alike, and nothing of the contents can be read', async () => {
  const seal = createRefreshTokenSeal([OLD])
  const [one = '', two = ''] = [await seal.seal(CONTENTS), await seal.seal(CONTENTS)]
  expect(one).not.toBe(two)
  const parts = one.split('.').map((part) => Buffer.from(part, 'base64url').toString('latin1'))
  expect(parts.join()).not.toMatch(/workload|acme|family-1/)
})

describe('keys rotate', () => {
  test('the first seals, all open', async () => {
    const before = await createRefreshTokenSeal([OLD]).seal(CONTENTS)
    const during = createRefreshTokenSeal([NEW, OLD])
    expect(await during.open(before ?? '')).toEqual(CONTENTS)
    const after = await during.seal(CONTENTS)
    expect(await createRefreshTokenSeal([NEW]).open(after ?? '')).toEqual(CONTENTS)
    expect(await createRefreshTokenSeal([OLD]).open(after ?? '')).toBeUndefined()
  })

  test('a key that was taken out opens nothing any more', async () => {
    const token = await createRefreshTokenSeal([OLD]).seal(CONTENTS)
    expect(await createRefreshTokenSeal([NEW]).open(token ?? '')).toBeUndefined()
  })
})

describe('whatever was not sealed here is not opened', () => {
  const good = createRefreshTokenSeal([OLD])
  const text = JSON.stringify({ v: 1 })
  test.each<[string, () => Promise<string> | string]>([
    ['nothing', () => ''],
    ['a JWS', () => 'a.b.c'],
    ['five parts of nothing', () => '....'],
    ['five parts of garbage', () => 'e30.e30.e30.e30.e30'],
    ['a token of another key', async () => (await createRefreshTokenSeal([FOREIGN]).seal(CONTENTS)) ?? ''],
    ['another type', () => sealed(text, { typ: 'JWT' })],
    [
      'another algorithm of keys',
      () =>
        new CompactEncrypt(new TextEncoder().encode(text))
          .setProtectedHeader({ alg: 'dir', enc: 'A256GCM', typ: 'octo-sts-refresh+jwe' })
          .encrypt(OLD),
    ],
    ['another encryption', () => sealed(text, { enc: 'A128CBC-HS256' })],
    ['contents of another version', () => sealed(JSON.stringify({ v: 2 }))],
    ['contents without a family', () => sealed(text)],
    ['contents that are no object', () => sealed('[]')],
    [
      'an encrypted JWT',
      () => new EncryptJWT({ f: 'family-1' }).setProtectedHeader({ alg: 'A256KW', enc: 'A256GCM' }).encrypt(OLD),
    ],
    ['more than 12 KiB', () => `${'a'.repeat(13_000)}.b.c.d.e`],
  ])('%s', async (_, make) => {
    expect(await good.open(await make())).toBeUndefined()
  })

  test('one with any character changed', async () => {
    const token = (await good.seal(CONTENTS)) ?? ''
    for (let index = 0; index < token.length; index += 97) {
      const changed = token[index] === 'A' ? 'B' : 'A'
      expect(await good.open(token.slice(0, index) + changed + token.slice(index + 1))).toBeUndefined()
    }
  })
})

test('contents over 12 KiB are not sealed', async () => {
  const seal = createRefreshTokenSeal([OLD])
  const claims = { ...CONTENTS.claims, payload: { ...CONTENTS.claims.payload, filler: 'x'.repeat(12_000) } }
  expect(await seal.seal({ ...CONTENTS, claims })).toBeUndefined()
  const smaller = { ...CONTENTS.claims, payload: { ...CONTENTS.claims.payload, filler: 'x'.repeat(8_000) } }
  expect((await seal.seal({ ...CONTENTS, claims: smaller }))?.length).toBeLessThanOrEqual(12_288)
})
