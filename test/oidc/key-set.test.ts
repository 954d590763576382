import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { readKeySet } from '../../src/oidc/key-set.ts'
import { generateSandboxKey } from '../../src/sandbox/issuer-keys.ts'

const rsa = (await generateSandboxKey('RSA')).jwk
const ec = (await generateSandboxKey('P-256')).jwk
const p384 = (await generateSandboxKey('P-384')).jwk
const ed = (await generateSandboxKey('Ed25519')).jwk

const count = (keys: unknown, alg: string, kid?: string) =>
  readKeySet({ keys }, 500)
    ?.candidates({ alg, kid })
    .filter((key) => key() !== undefined).length

describe('which keys suit', () => {
  test.each<readonly [string, unknown, string, number]>([
    ['RSA without alg', rsa, 'RS256', 1],
    ['RSA without alg', rsa, 'PS512', 1],
    ['RSA', rsa, 'ES256', 0],
    ['RSA of its alg', { ...rsa, alg: 'RS256' }, 'RS256', 1],
    ['RSA of another alg', { ...rsa, alg: 'RS256' }, 'PS256', 0],
    ['RSA of an alg that is no text', { ...rsa, alg: 256 }, 'RS256', 0],
    ['RSA for encryption', { ...rsa, use: 'enc' }, 'RS256', 0],
    ['a use that is no text', { ...rsa, use: ['sig'] }, 'RS256', 0],
    ['no use', { ...rsa, use: undefined }, 'RS256', 1],
    ['members that are null', { ...rsa, alg: null, use: null, key_ops: null, d: null }, 'RS256', 1],
    ['a modulus that is null', { ...rsa, n: null }, 'RS256', 0],
    ['operations without verify', { ...rsa, key_ops: ['sign'] }, 'RS256', 0],
    ['operations with verify', { ...rsa, key_ops: ['sign', 'verify'] }, 'RS256', 1],
    ['operations that are no list', { ...rsa, key_ops: 'verify' }, 'RS256', 0],
    ['a published private key', { ...rsa, d: 'AQAB' }, 'RS256', 0],
    ['a modulus that is no text', { ...rsa, n: 65537 }, 'RS256', 0],
    ['no exponent', { ...rsa, e: undefined }, 'RS256', 0],
    ['an exponent of 1', { ...rsa, e: 'AQ' }, 'RS256', 0],
    ['an even exponent', { ...rsa, e: 'AQAA' }, 'RS256', 0],
    ['a huge exponent', { ...rsa, e: `Af${'_'.repeat(20)}` }, 'RS256', 0],
    ['an exponent of 3', { ...rsa, e: 'Aw' }, 'RS256', 1],
    ['EC', ec, 'ES256', 1],
    ['EC of another curve', ec, 'ES384', 0],
    ['EC P-384', p384, 'ES384', 1],
    ['EC of a curve that it does not lie on', { ...ec, crv: 'P-384' }, 'ES384', 0],
    ['a point that is not on the curve', { ...ec, y: ec.x }, 'ES256', 0],
    ['secp256k1', secp256k1(), 'ES256', 0],
    ['Ed25519', ed, 'EdDSA', 1],
    ['X25519', { ...ed, crv: 'X25519' }, 'EdDSA', 0],
    ['a symmetric key', { kty: 'oct', k: 'AAAA' }, 'HS256', 0],
    ['an unknown type', { kty: 'AKP', alg: 'ML-DSA-44', pub: 'AA' }, 'RS256', 0],
    ['members of a prototype', { kty: 'toString', crv: 'constructor' }, 'RS256', 0],
  ])('%s: %j for %s', (_name, key, alg, expected) => {
    expect(count([key], alg)).toBe(expected)
  })

  test.each([
    ['a kid', 'a', 1],
    ['a kid that two keys have', 'b', 2],
    ['an unknown kid', 'c', 0],
    ['a kid that a key has as a number', '7', 0],
    ['no kid', undefined, 5],
  ])('%s', (_name, kid, expected) => {
    const kids = ['a', 'b', 'b', 7, undefined]
    expect(
      count(
        kids.map((each) => ({ ...rsa, kid: each })),
        'RS256',
        kid,
      ),
    ).toBe(expected)
  })

  test.each([1024, 2040, 2048])('RSA of %d bits', async (bits) => {
    expect(count([(await generateSandboxKey('RSA', bits)).jwk], 'RS256')).toBe(bits < 2048 ? 0 : 1)
  })

  test('what is broken beside a good key is found so when it is tried', () => {
    const [broken, good] =
      readKeySet({ keys: [{ ...ec, y: ec.x }, ec] }, 500)?.candidates({ alg: 'ES256', kid: ec.kid }) ?? []
    expect([broken?.(), broken?.(), good?.()?.asymmetricKeyType]).toEqual([undefined, undefined, 'ec'])
  })

  test('no more than 32 keys of a set are kept; the others are made each time', () => {
    const keys = readKeySet({ keys: Array(33).fill(ec) }, 500)?.candidates({ alg: 'ES256', kid: undefined }) ?? []
    const [first, second] = [keys.map((key) => key()), keys.map((key) => key())]
    expect(first.map((key, index) => key === second[index])).toEqual([...Array(32).fill(true), false])
  })

  test('more keys than the limit are as if they were not there', () => {
    expect(readKeySet({ keys: [ec, ec, ec] }, 2)?.candidates({ alg: 'ES256', kid: undefined }).length).toBe(2)
  })
})

describe('sets', () => {
  test.each([[undefined], [null], [[]], ['x'], [{}], [{ keys: null }], [{ keys: { 0: rsa } }], [{ Keys: [] }]])(
    '%j is none',
    (document) => {
      expect(readKeySet(document, 500)).toBeUndefined()
    },
  )

  test('whatever else is in the list, the good key works on (RFC 7517 §5)', () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue()), fc.array(fc.jsonValue()), (before, after) => {
        expect(count([...before, rsa, ...after], 'RS256', rsa.kid)).toBe(1)
      }),
    )
  })

  test('no damage to a key makes reading it fail', () => {
    const member = fc.constantFrom('kty', 'crv', 'n', 'e', 'x', 'y', 'use', 'alg', 'kid', 'key_ops', 'd')
    fc.assert(
      fc.property(fc.constantFrom(rsa, ec, ed), member, fc.jsonValue(), (key, name, value) => {
        expect(count([{ ...key, [name]: value }, ec], 'ES256', ec.kid)).toBeGreaterThanOrEqual(1)
      }),
    )
  })
})

function secp256k1(): unknown {
  return generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey.export({ format: 'jwk' })
}
