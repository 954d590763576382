import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from '@jest/globals'
import { readKeySet } from '../../src/oidc/key-set.ts'
import { verifyQuickly } from '../../src/oidc/quick-verify.ts'
import { verifySignature } from '../../src/oidc/verify-signature.ts'
import { joseAccepts } from './jose-verdict.ts'

// The vectors lie beside the repository, not in it: four folders up from dist/test/oidc, or three from test/oidc.
const FOLDERS = ['../../../../shared/vectors/', '../../../shared/vectors/'].map((path) =>
  fileURLToPath(new URL(path, import.meta.url)),
)
const folder = FOLDERS.find((path) => existsSync(`${path}wycheproof-json_web_signature_test.json`))

interface Vectors {
  readonly testGroups: readonly {
    readonly comment: string
    readonly public?: Record<string, unknown>
    readonly private?: Record<string, unknown>
    readonly tests: readonly {
      readonly tcId: number
      readonly comment: string
      readonly jws?: string
      readonly result: 'valid' | 'invalid'
      readonly flags: readonly string[]
    }[]
  }[]
}

if (folder === undefined) {
  console.warn(`Wycheproof's vectors are not at ${FOLDERS[0]}: they can't be run`)
  test.todo("Wycheproof's vectors: put them into ../shared/vectors")
} else {
  describe.each(['json_web_signature', 'json_web_key', 'json_web_crypto'])("Wycheproof's %s", (name) => {
    const text = readFileSync(`${folder}wycheproof-${name}_test.json`, 'utf8')
    const cases = (JSON.parse(text) as Vectors).testGroups.flatMap((group) =>
      group.tests.flatMap(({ jws, ...vector }) =>
        jws === undefined ? [] : [{ ...vector, jws, group: group.comment, keys: publicKeys(group) }],
      ),
    )
    test.each(cases)('$tcId $group: $comment', async ({ jws, keys, result, group, tcId }) => {
      expect([tcId, group, await isAccepted(jws, keys)]).toEqual([tcId, group, expected(name, tcId, result, jws)])
    })
  })
}

function expected(name: string, tcId: number, result: string, jws: string): boolean {
  return result === 'valid' && isOurs(jws) && !(name === 'json_web_signature' && ALG_IS_NOT_THE_KEYS.has(tcId))
}

/** "Valid" there, but the key's `alg` is PS256 or the misspelt ES521, and the token's PS384 or ES512 (RFC 7517 §4.4). */
const ALG_IS_NOT_THE_KEYS: ReadonlySet<number> = new Set([346, 347, 350, 351])

/** HMAC is refused whatever the vector says. */
function isOurs(jws: string): boolean {
  return /^(?:RS|PS|ES)(?:256|384|512)$|^EdDSA$/.test(algorithmOf(jws) ?? '')
}

async function isAccepted(jws: string, keys: readonly unknown[]): Promise<boolean> {
  const alg = algorithmOf(jws)
  if (alg === undefined) return false
  const header = headerOf(jws)
  const kid = typeof header?.['kid'] === 'string' ? header['kid'] : undefined
  const candidates = readKeySet({ keys }, 500)?.candidates({ alg, kid }) ?? []
  const token = { compact: jws, header: { ...header, alg }, payload: { iss: 'https://issuer.example' } }
  for (const key of candidates.flatMap((candidate) => candidate() ?? [])) {
    const quick = verifyQuickly(token, key)
    if (quick !== undefined) expect(quick).toBe(await joseAccepts(jws, key, alg))
  }
  return verifySignature(token, candidates, new AbortController().signal).then(
    () => true,
    () => false,
  )
}

/** The vectors give the private key too; a key set has public ones. */
function publicKeys(group: Vectors['testGroups'][number]): readonly unknown[] {
  const key = group.public ?? group.private ?? {}
  const keys = Array.isArray(key['keys']) ? (key['keys'] as Record<string, unknown>[]) : [key]
  return keys.map(({ d: _d, p: _p, q: _q, dp: _dp, dq: _dq, qi: _qi, key_ops: operations, ...rest }) => ({
    ...rest,
    ...(operations === undefined ? {} : { key_ops: operations }),
  }))
}

function headerOf(jws: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(Buffer.from(jws.split('.')[0] ?? '', 'base64url').toString('utf8')) as Record<string, unknown>
  } catch {
    return undefined
  }
}

function algorithmOf(jws: string): string | undefined {
  const alg = headerOf(jws)?.['alg']
  return typeof alg === 'string' ? alg : undefined
}
