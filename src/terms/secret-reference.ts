import type { KmsProvider, SecretReference } from './app-key.ts'

/**
 * Reads `gcp-secret://projects/P/secrets/S/versions/V`, `aws-secret://ID-OR-ARN[#json-key]`,
 * `akv-secret://VAULT/SECRET[/VERSION]` or `vault-secret://MOUNT/PATH#FIELD`; the name is what stands behind `://`, as it is
 * written. A manager's own full name of a secret is a reference too, as deployments of the reference have it:
 * `projects/P/secrets/S[/versions/V]` (after `//secretmanager.googleapis.com/`, where that stands), an ARN,
 * `https://VAULT.vault.azure.net/secrets/SECRET[/VERSION]`.
 * undefined: a text that is no reference. Throws an Error that says which form is wanted, for one that is
 * malformed or of an unknown manager, in either form: taken for the secret itself, it would be one that anybody can guess.
 */
export function parseSecretReference(text: string): SecretReference | undefined {
  const match = /^([A-Za-z0-9]*)-secrets?(?:-?manager)?:\/\/([\s\S]*)$/i.exec(text)
  if (match === null) return resourceOf(text)
  const manager = MANAGERS.find((known) => text.startsWith(`${known}-secret://`))
  if (manager === undefined) {
    throw new Error(
      `names no secret manager that is known: write ${MANAGERS.map((known) => FORMS[known].form).join(', ')}`,
    )
  }
  const name = match[2] ?? ''
  if (!FORMS[manager].name.test(name)) throw new Error(`must be ${FORMS[manager].form}`)
  return { manager, name }
}

function resourceOf(text: string): SecretReference | undefined {
  const resource = RESOURCES.find(({ looks }) => looks.test(text))
  if (resource === undefined) return undefined
  const { manager } = resource
  const name = resource.nameIn(text)
  if (FORMS[manager].name.test(name)) return { manager, name }
  throw new Error(`looks like the name of a secret of a manager and cannot be one: write ${FORMS[manager].form}`)
}

const MANAGERS = ['gcp', 'aws', 'akv', 'vault'] as const satisfies readonly KmsProvider[]

/** The managers' own full names: what begins like one is one, or is malformed. */
const RESOURCES = [
  {
    manager: 'gcp',
    looks: /^(?:\/\/secretmanager\.|projects\/[^/]*\/(?:locations\/[^/]*\/)?secrets\b)/i,
    nameIn(text) {
      const name = text.replace(/^\/\/secretmanager\.googleapis\.com\//, '')
      return /^projects\/[^/]+\/secrets\/[^/]+$/.test(name) ? `${name}/versions/latest` : name
    },
  },
  { manager: 'aws', looks: /^arn:/i, nameIn: (text) => text },
  {
    manager: 'akv',
    looks: /^https:\/\/(?:[^/]*\/secrets\b|[^/]*\.vault\.)/i,
    nameIn: (text) => text.replace(/^https:\/\/([^/]+)\/secrets\/([^?#]+?)\/?$/, '$1/$2'),
  },
] as const satisfies readonly {
  readonly manager: KmsProvider
  readonly looks: RegExp
  readonly nameIn: (text: string) => string
}[]

/** What the managers let names be. Nothing that a URL would take for something else (`?`, `%`, `..`) is in a path. */
const FORMS = {
  // https://cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets.versions: a number, an alias or "latest".
  gcp: {
    form: 'gcp-secret://projects/PROJECT/secrets/SECRET/versions/VERSION',
    name: /^projects\/[a-z0-9][a-z0-9.:-]{0,99}\/secrets\/[A-Za-z0-9_-]{1,255}\/versions\/(?:\d{1,18}|[A-Za-z][A-Za-z0-9_-]{0,62})$/,
  },
  aws: {
    form: 'aws-secret://NAME-OR-ARN or aws-secret://NAME-OR-ARN#JSON-KEY',
    name: /^(?:arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:)?[A-Za-z0-9/_+=.@-]{1,512}(?:#[^#\s]{1,255})?$/,
  },
  akv: {
    form: 'akv-secret://VAULT/SECRET or akv-secret://VAULT/SECRET/VERSION',
    // A host in full is one of Azure's own clouds, because the service's credential is sent there.
    name: /^[A-Za-z][A-Za-z0-9-]{1,22}[A-Za-z0-9](?:\.vault\.(?:azure\.net|usgovcloudapi\.net|azure\.cn))?\/[A-Za-z0-9-]{1,127}(?:\/[A-Za-z0-9]{1,64})?$/,
  },
  vault: {
    form: 'vault-secret://MOUNT/PATH#FIELD',
    name: /^(?!.{1025})(?:(?!\.{1,2}\/)[A-Za-z0-9._~@:+=-]+\/)+(?!\.{1,2}#)[A-Za-z0-9._~@:+=-]+#[^#\s]{1,255}$/,
  },
} as const satisfies Record<KmsProvider, { readonly form: string; readonly name: RegExp }>
