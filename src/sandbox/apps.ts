import { createPublicKey, generateKeyPair, type KeyObject } from 'node:crypto'
import { promisify } from 'node:util'

export interface AppOptions {
  readonly id?: number
  readonly slug?: string
  readonly privateKeyPem?: string
  readonly webhook?: Webhook
}

/** Where an App has its events sent, and what they are signed with. */
export interface Webhook {
  readonly url: string
  readonly secret: string
}

/** What is public of an App. */
export interface AppFacts {
  readonly id: number
  readonly slug: string
  readonly clientId: string
}

/** An App as its owner knows it: with the private key that was downloaded (PKCS#1 PEM). */
export interface SandboxApp extends AppFacts {
  readonly privateKeyPem: string
}

/** An App as GitHub knows it. */
export interface RegisteredApp extends AppFacts {
  readonly publicKey: KeyObject
  webhook: Webhook | undefined
}

/** The Apps that are registered at the embedded GitHub, in order. */
export type Apps = ReturnType<typeof createApps>

export function createApps() {
  const registered: RegisteredApp[] = []
  const owned: SandboxApp[] = []
  return {
    registered: registered as readonly RegisteredApp[],
    owned: owned as readonly SandboxApp[],

    /** Registers an App. Rejects when its id or its slug is taken. */
    async add(options: AppOptions): Promise<SandboxApp> {
      const privateKeyPem = options.privateKeyPem ?? (await generatePrivateKey())
      const id = options.id ?? FIRST_ID + registered.length
      const slug = options.slug ?? (registered.length === 0 ? 'octo-sts' : `octo-sts-${registered.length + 1}`)
      if (registered.some((app) => app.id === id || app.slug === slug)) {
        throw new Error(`the sandbox already has an App ${id} or ${slug}: choose another id and slug`)
      }
      const facts = { id, slug, clientId: `Iv23li${id}` }
      registered.push({ ...facts, publicKey: createPublicKey(privateKeyPem), webhook: options.webhook })
      owned.push({ ...facts, privateKeyPem })
      return { ...facts, privateKeyPem }
    },

    /** The App of this id, or the first when undefined. Throws when there is none. */
    get(id: number | undefined): RegisteredApp {
      const found = id === undefined ? registered[0] : registered.find((app) => app.id === id)
      if (found === undefined) throw new Error(`the sandbox has no App ${id}`)
      return found
    },
  }
}

/** The first App's id; those after it count on. */
const FIRST_ID = 424_242

async function generatePrivateKey(): Promise<string> {
  const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 })
  return privateKey.export({ type: 'pkcs1', format: 'pem' }).toString()
}
