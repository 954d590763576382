/** The process that stands for everything outside the server: GitHub behind TLS, and an issuer. */
import { readFileSync } from 'node:fs'
import { createSandboxGitHub } from '../src/sandbox/github.ts'
import { createSandboxIssuer } from '../src/sandbox/issuer.ts'
import { generateSandboxKeys, type SandboxKeys } from '../src/sandbox/issuer-keys.ts'
import { RUN, type Size, seedAcme, seedOrganizations } from './bench-policies.ts'
import { startFront } from './front.ts'
import { answerParent } from './questions.ts'
import { signTokens, type TokenOrder } from './subject-tokens.ts'

export interface WorldFacts {
  readonly github: string
  readonly issuer: string
  /** Of the organization `acme`. */
  readonly installation: number
  readonly app: { readonly id: number; readonly privateKeyPem: string }
  /** Of the key that tokens with these algorithms are signed with, for the floor: SPKI, PEM. */
  readonly publicKeys: Readonly<Record<'RS256' | 'ES256', string>>
  /** For the soak, which signs by itself. */
  readonly ed25519: { readonly kid: string; readonly privateKeyPem: string }
}

export interface WorldOrder {
  readonly certFile: string
  readonly keyFile: string
  readonly organizations: Size
  readonly domain: string
}

const [orderText = ''] = process.argv.slice(2)
const order = JSON.parse(orderText) as WorldOrder
const keys = await generateSandboxKeys()
const issuer = await createSandboxIssuer({ keys, audience: order.domain })
const github = await createSandboxGitHub({ quotaPerHour: Number.MAX_SAFE_INTEGER })
const installation = seedAcme(github, issuer.url)
seedOrganizations(github, issuer.url, order.organizations)
const tls = { cert: readFileSync(order.certFile, 'utf8'), key: readFileSync(order.keyFile, 'utf8') }
const front = await startFront(tls, github.url)

answerParent({
  facts: (): WorldFacts => ({
    github: front.url,
    issuer: issuer.url,
    installation,
    app: { id: github.app.id, privateKeyPem: github.app.privateKeyPem },
    publicKeys: { RS256: publicPem(keys, 'RSA'), ES256: publicPem(keys, 'P-256') },
    ed25519: {
      kid: keys.Ed25519.kid,
      privateKeyPem: keys.Ed25519.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    },
  }),
  calls: () => front.take(),
  delay: (ms) => front.delay(Number(ms)),
  sign: (what) => {
    const about = { issuer: issuer.url, audience: order.domain, claims: issuer.githubActionsClaims(RUN), keys }
    return signTokens(what as TokenOrder, about)
  },
})
// The servers keep the process running; its parent's end ends it.
process.once('disconnect', () => process.exit(0))

function publicPem(all: SandboxKeys, family: 'RSA' | 'P-256'): string {
  return all[family].publicKey.export({ type: 'spki', format: 'pem' }).toString()
}
