import { type KeyObject, randomUUID, sign } from 'node:crypto'
import { closeSync, openSync, writeSync } from 'node:fs'
import type { SandboxKeys } from '../src/sandbox/issuer-keys.ts'

/** Which tokens to write into a file, one a line. */
export interface TokenOrder {
  readonly file: string
  readonly count: number
  readonly algorithm: 'RS256' | 'ES256'
  /** `bad-signature`: one byte of it is another. `unknown-kid`: the header names a key that the issuer has not. */
  readonly flaw?: 'bad-signature' | 'unknown-kid' | undefined
}

interface TokenFacts {
  readonly issuer: string
  readonly audience: string
  /** Of a workflow run; with those that are added here they are some thirty. */
  readonly claims: Readonly<Record<string, unknown>>
  readonly keys: SandboxKeys
}

/** Signs tokens of one workflow that differ in `jti` and `run_id`, and live for a day. */
export function signTokens({ file, count, algorithm, flaw }: TokenOrder, about: TokenFacts): void {
  const key = about.keys[algorithm === 'RS256' ? 'RSA' : 'P-256']
  const kid = flaw === 'unknown-kid' ? 'nobody-knows-this-key' : key.kid
  const header = encode({ alg: algorithm, typ: 'JWT', kid })
  const now = Math.floor(Date.now() / MS_PER_SECOND)
  const common = {
    ...about.claims,
    iss: about.issuer,
    aud: about.audience,
    iat: now,
    nbf: now,
    exp: now + DAY_SECONDS,
    enterprise: 'acme-enterprise',
    enterprise_id: '4711',
  }
  const output = openSync(file, 'w')
  for (let index = 0; index < count; index += 1) {
    const input = `${header}.${encode({ ...common, jti: randomUUID(), run_id: String(FIRST_RUN + index) })}`
    const signature = signed(input, key.privateKey)
    if (flaw === 'bad-signature') signature[BYTE_TO_BREAK] = (signature[BYTE_TO_BREAK] ?? 0) ^ 1
    writeSync(output, `${input}.${signature.toString('base64url')}\n`)
  }
  closeSync(output)
}

function signed(input: string, key: KeyObject): Buffer {
  return sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' })
}

function encode(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url')
}

const MS_PER_SECOND = 1000
const DAY_SECONDS = 86_400
const FIRST_RUN = 9_000_000_000
const BYTE_TO_BREAK = 40
