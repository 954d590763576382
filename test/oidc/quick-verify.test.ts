import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import { expect, test } from '@jest/globals'
import { verifyQuickly } from '../../src/oidc/quick-verify.ts'
import { verifySignature } from '../../src/oidc/verify-signature.ts'
import { parseSubjectToken, type SubjectToken } from '../../src/terms/subject-token.ts'
import { joseAccepts } from './jose-verdict.ts'
import { mutatedTokens, seededDice } from './mutated-tokens.ts'

/** Tokens of which it decides: in CI as many as it takes to believe it, elsewhere as many as one waits for. */
const DECIDED = process.env['CI'] === undefined ? 10_000 : 100_000
const AT_ONCE = 64
const DECIDED_LIMIT_MS = 600_000

test(
  `what is decided quickly, jose decides in the same way: ${DECIDED} tokens`,
  async () => {
    const seed = Math.floor(Math.random() * 2 ** 31)
    const next = mutatedTokens(seededDice(seed))
    const counts = { true: 0, false: 0, undefined: 0, unread: 0 }
    while (counts.true + counts.false < DECIDED) {
      const tried = await Promise.all(Array.from({ length: AT_ONCE }, () => compare(next())))
      for (const { verdict } of tried) counts[verdict] += 1
      expect({ seed, disagree: tried.filter((each) => 'jose' in each && each.jose !== each.quick) }).toEqual({
        seed,
        disagree: [],
      })
    }
    // It is no test of anything when nearly all are refused, or handed on.
    expect(counts.true).toBeGreaterThan(DECIDED / 10)
    expect(counts.false).toBeGreaterThan(DECIDED / 10)
    expect(counts.undefined).toBeGreaterThan(DECIDED / 50)
  },
  DECIDED_LIMIT_MS,
)

async function compare({ compact, key }: { readonly compact: string; readonly key: KeyObject }) {
  const token = read(compact)
  if (token === undefined) return { verdict: 'unread' } as const
  const quick = verifyQuickly(token, key)
  if (quick === undefined) return { verdict: 'undefined' } as const
  return { verdict: `${quick}`, compact, quick, jose: await joseAccepts(compact, key, token.header.alg) } as const
}

function read(compact: string): SubjectToken | undefined {
  try {
    return parseSubjectToken(compact)
  } catch {
    return undefined
  }
}

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' })
const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
const BODY = part({ iss: 'https://idp.example' })

function signed(header: Record<string, unknown>, key = rsa.privateKey): string {
  const input = `${part(header)}.${BODY}`
  const digest = String(header['alg']).endsWith('384') ? 'sha384' : 'sha256'
  return `${input}.${sign(digest, Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
}

test.each<readonly [string, string, KeyObject, boolean | undefined]>([
  ['an ordinary token', signed({ alg: 'RS256', kid: 'k', typ: 'JWT', x5t: 'AA' }), rsa.publicKey, true],
  ['of ES256', signed({ alg: 'ES256' }, p256.privateKey), p256.publicKey, true],
  ['of another key', signed({ alg: 'ES256' }, p256.privateKey), generateP256(), false],
  ['of a key of another type', signed({ alg: 'RS256' }), p256.publicKey, undefined],
  ['of a key of another curve', signed({ alg: 'ES256' }, p256.privateKey), p384.publicKey, undefined],
  ['of a dear curve', signed({ alg: 'ES384' }, p384.privateKey), p384.publicKey, undefined],
  ...[{ modulusLength: 1024 }, { modulusLength: 4104 }, { modulusLength: 2048, publicExponent: 3 }].map((shape) => {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', shape)
    return [`of RSA ${JSON.stringify(shape)}`, signed({ alg: 'RS256' }, privateKey), publicKey, undefined] as const
  }),
  ['with crit', signed({ alg: 'RS256', crit: ['b64'], b64: true }), rsa.publicKey, undefined],
  ['with b64', signed({ alg: 'RS256', b64: false }), rsa.publicKey, undefined],
  ['with a key of its own', signed({ alg: 'RS256', jwk: {} }), rsa.publicKey, undefined],
  ['with a member of the prototype', signed({ alg: 'RS256', toString: 1 }), rsa.publicKey, undefined],
  ['a signature with a byte more', `${signed({ alg: 'ES256' }, p256.privateKey)}AA`, p256.publicKey, undefined],
  ['no signature', `${part({ alg: 'RS256' })}.${BODY}.`, rsa.publicKey, undefined],
  ['a signature spelt differently', respelt(signed({ alg: 'RS256' })), rsa.publicKey, undefined],
  ['a part of an impossible length', withOddPart(), rsa.publicKey, undefined],
])('%s', (_name, compact, key, expected) => {
  expect(verifyQuickly(parseSubjectToken(compact), key)).toBe(expected)
})

/** 256 bytes leave four bits of the last character unused. */
function respelt(compact: string): string {
  return `${compact.slice(0, -1)}${String.fromCharCode(compact.charCodeAt(compact.length - 1) + 1)}`
}

/** Rightly signed, header and all, but for a last character that says nothing. */
function withOddPart(): string {
  const head = part({ alg: 'RS256', kid: '123' })
  const input = `${head}A.${BODY}`
  expect(head.length % 4).toBe(0)
  return `${input}.${sign('sha256', Buffer.from(input), rsa.privateKey).toString('base64url')}`
}

function generateP256(): KeyObject {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey
}

test.each(['SIGNATURE_INVALID', 'accepted'])(
  '500 keys are tried in many turns of the event loop: %s',
  async (outcome) => {
    const token = parseSubjectToken(signed({ alg: 'ES256' }, p256.privateKey))
    const other = generateP256()
    const triedInTurn: number[] = []
    let turn = 0
    const candidates = Array.from({ length: 500 }, (_, index) => () => {
      triedInTurn[turn] = (triedInTurn[turn] ?? 0) + 1
      return index === 499 && outcome === 'accepted' ? p256.publicKey : other
    })
    let isOver = false
    const turns = (async () => {
      for (; !isOver; turn += 1) await setImmediate()
    })()
    const result = await verifySignature(token, candidates, new AbortController().signal).then(
      () => 'accepted',
      (error: { readonly reason: string }) => error.reason,
    )
    isOver = true
    await turns
    expect(result).toBe(outcome)
    expect(triedInTurn.reduce((sum, count) => sum + count)).toBe(500)
    expect(Math.max(...triedInTurn)).toBeLessThanOrEqual(4)
  },
)
