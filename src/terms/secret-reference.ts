import type { KmsProvider, SecretReference } from './app-key.ts'

/**
 * Reads `gcp-secret://projects/P/secrets/S/versions/V`, `aws-secret://ID-OR-ARN[#json-key]`,
 * `akv-secret://VAULT/SECRET[/VERSION]` or `vault-secret://MOUNT/PATH#FIELD`; the name is what stands behind `://`, as it is
 * written. A manager's own full name of a secret is a reference too, as deployments of the reference have it:
 * `projects/P/secrets/S[/versions/V]`, an ARN, `https://VAULT.vault.azure.net/secrets/SECRET[/VERSION]`.
 * undefined: a text that is no reference. Throws an Error that says which form is wanted, for one that is
 * malformed or of an unknown manager: taken for the secret itself, it would be a secret that anybody can guess.
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
  const azure = /^https:\/\/([^/]+)\/secrets\/([^?#]+?)\/?$/.exec(text)
  if (azure !== null) return known('akv', `${azure[1]}/${azure[2]}`)
  if (text.startsWith('arn:')) return known('aws', text)
  return known('gcp', /^projects\/[^/]+\/secrets\/[^/]+$/.test(text) ? `${text}/versions/latest` : text)
}

function known(manager: KmsProvider, name: string): SecretReference | undefined {
  return FORMS[manager].name.test(name) ? { manager, name } : undefined
}

const MANAGERS = ['gcp', 'aws', 'akv', 'vault'] as const satisfies readonly KmsProvider[]

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
