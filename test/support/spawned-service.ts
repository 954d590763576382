import { spawn } from 'node:child_process'
import { createSandboxGitHub, type SandboxGitHub } from '../../src/sandbox/github.ts'
import { createSandboxIssuer, type SandboxIssuer } from '../../src/sandbox/issuer.ts'
import { rsaKeyPem } from './github-client.ts'

/**
 * `octo-sts serve` as a process of its own, for what is read from the environment by packages that this one does not
 * control; with the policy `ci` in acme/app, which issues a token to every workflow of that repository.
 */
export interface SpawnedService {
  readonly port: number
  readonly metricsPort: number
  readonly github: SandboxGitHub
  readonly issuer: SandboxIssuer
  workflowToken(): Promise<string>
  /** What it has written so far. */
  output(): string
  kill(signal: NodeJS.Signals): void
  /** Resolves to its exit status. */
  readonly exited: Promise<number | null>
  /** SIGTERM, and the end; resolves to its exit status. */
  stop(): Promise<number | null>
  /** Ends all that is still there. */
  close(): Promise<void>
}

/** `main`: another copy of the program than the one that was built. */
export async function spawnService(env: Readonly<Record<string, string>>, main = MAIN): Promise<SpawnedService> {
  const github = await createSandboxGitHub({ app: { privateKeyPem: APP_KEY } })
  const issuer = await createSandboxIssuer({ audience: DOMAIN })
  github.addAccount({ login: 'acme', type: 'Organization', id: 1001 })
  const policy = { issuer: issuer.url, subject_pattern: '.*', permissions: { contents: 'read' } }
  const files = { '.github/chainguard/ci.sts.yaml': JSON.stringify(policy) }
  github.addRepository('acme', '.github', { id: 2000 })
  github.addRepository('acme', 'app', { id: 2001, files })
  github.install('acme', { permissions: { contents: 'write' }, repositories: 'all' })

  const needed = {
    PORT: '0',
    METRICS_PORT: '0',
    SELF_EXERCISE: 'false',
    STS_DOMAIN: DOMAIN,
    GITHUB_APP_IDS: String(github.app.id),
    GITHUB_BASE_URL: github.url,
    APP_SECRET_CERTIFICATE_ENV_VAR: github.app.privateKeyPem,
    ALLOW_LOOPBACK_ISSUERS: 'true',
  }
  const child = spawn(process.execPath, [main, 'serve'], {
    env: { ...needed, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  const exited = new Promise<number | null>((resolve) => {
    child.on('close', resolve)
  })
  const listening = new Promise<Record<string, unknown>>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text
        const line = output.split('\n').find((each) => each.includes('"message":"listening"') && each.endsWith('}'))
        if (line !== undefined) resolve(JSON.parse(line))
      })
    }
    void exited.then((code) => reject(new Error(`it ended with ${code}: ${output}`)))
  })
  const close = async () => {
    child.kill('SIGKILL')
    await Promise.all([exited, github.close(), issuer.close()])
  }
  try {
    const { port, metrics_port: metricsPort } = await listening
    return {
      port: Number(port),
      metricsPort: Number(metricsPort),
      github,
      issuer,
      workflowToken: () => issuer.sign(issuer.githubActionsClaims()),
      output: () => output,
      kill: (signal) => void child.kill(signal),
      exited,
      stop() {
        child.kill('SIGTERM')
        return exited
      },
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

const MAIN = new URL('../../src/main.js', import.meta.url).pathname
const DOMAIN = 'sts.example.com'
/** Made once: RSA keys take their time. */
export const APP_KEY = rsaKeyPem()
