import { GROUPS, type Group, type Variable } from './variable.ts'
import { VARIABLES } from './variable-table.ts'

/** docs/configuration.md: the tables of the variables, and what the two files may say. */
export function configurationDocument(): string {
  return `${INTRODUCTION}\n${GROUPS.map(section).join('\n')}\n${FILES}`
}

/** Markdown without its marks, for where it is not rendered. */
export function plainText(markdown: string): string {
  return markdown.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').replace(/[`]|(?<=^|\s)_|_(?=[\s,.]|$)/g, '')
}

function section(group: Group): string {
  const rows = Object.entries(VARIABLES)
    .filter(([, variable]) => variable.group === group)
    .map(([name, variable]) => [`\`${name}\``, defaultOf(variable), variable.about])
  return `## ${group}\n\n${table([['variable', 'default', 'what it is'], ...rows])}`
}

function defaultOf(variable: Variable<never>): string {
  return variable.default === undefined ? (variable.unset ?? 'unset') : `\`${variable.default}\``
}

/** Aligned, as the formatter would. */
function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |\n`
  const [head = [], ...body] = rows
  return [head, widths.map((width) => '-'.repeat(width)), ...body].map(line).join('')
}

const INTRODUCTION = `<!-- Generated from src/config/variable-table.ts by scripts/config-doc.mjs. -->

# Configuration

\`octo-sts serve\` reads its settings from the environment, and from one YAML file if you like ([CONFIG_FILE](#config_file)). It checks
all of them at once and names every one that is missing or wrong; it does not start with a setting that it cannot keep.

\`octo-sts config\` shows what is in effect: every setting, its value, and where it comes from. Secrets are masked. \`--json\` is for programs;
\`--check\` only checks, and ends with status 1 when the service would not start.

Durations as in Go (\`90s\`, \`5m\`, \`1h30m\`), booleans \`true\` or \`false\`, lists separated by commas. An empty variable counts as unset; a list of
nothing but commas is an error.
`
const FILES = `The libraries of the clouds read their own variables (\`AWS_*\`, \`AZURE_*\`, \`GOOGLE_APPLICATION_CREDENTIALS\`), and OpenTelemetry's all of \`OTEL_*\`.

## CONFIG_FILE

All of the above in one file: a key is the variable's name in lower case.

\`\`\`yaml
# yaml-language-server: $schema=https://sts.example.com/schemas/configuration.json
sts_domain: sts.example.com
github_app_ids: [123456, 234567]
kms_provider: aws
kms_keys:
  - alias/octo-sts-1
  - alias/octo-sts-2
allowed_owners: [acme, example]
max_permissions:
  contents: write
  issues: write
  metadata: read
max_token_age: 15m
\`\`\`

- A list is a YAML list, or a comma list. In a YAML list an entry may have commas. \`max_permissions\` is also a mapping of names to levels.
- What the environment sets wins over the file, variable by variable. An empty variable sets nothing.
- A value is the text as it is written: \`010\` stays \`010\`, and \`yes\` is no boolean. Aliases, anchors, tags, keys that are unknown and keys that are
  given twice are errors. At most 256 KiB.
- A secret may stand in it; better is a reference, or a file of its own.
- The service has its JSON Schema at \`/schemas/configuration.json\`.

## APP_CONFIG_FILE

Apps of their own for single organizations. It takes the place of \`GITHUB_APP_IDS\`, \`KMS_KEYS\` and \`APP_SECRET_CERTIFICATE_*\`: both at once are an error.

\`\`\`yaml
orgs:
  - name: acme
    apps:
      - app_id: 123456
        kms_key: projects/acme/locations/global/keyRings/sts/cryptoKeys/app-1/cryptoKeyVersions/1
      - app_id: 234567
        kms_key: projects/acme/locations/global/keyRings/sts/cryptoKeys/app-2/cryptoKeyVersions/1
  - name: example
    apps:
      - app_id: 345678
        private_key_file: example.pem
  - name: "*"
    apps:
      - app_id: 456789
        private_key: \${FALLBACK_APP_KEY}
\`\`\`

- \`*\` stands for all owners that are not named. Without it, an owner that is not named is refused.
- Each App has exactly one of \`kms_key\` (of \`KMS_PROVIDER\`), \`private_key\` (PEM, or a [reference](#references-to-secrets)) and \`private_key_file\` (named
  from where this file stands).
- \`\${NAME}\` in a value is replaced by that variable of the environment, which must be set. \`$NAME\` and \`$$\` stay as they are.
- An organization is named once, whatever its case, and an App once in it. An App may serve several organizations, with the same key.
- At most 1 MiB; what holds of YAML above holds here.

## Keys of a key management service

${table([
  ['`KMS_PROVIDER`', 'a key of `KMS_KEYS` or `kms_key`'],
  ['`gcp`', '`projects/PROJECT/locations/LOCATION/keyRings/RING/cryptoKeys/KEY/cryptoKeyVersions/NUMBER`'],
  ['`aws`', 'the id of a key, its ARN, or `alias/NAME`'],
  ['`akv`', "`https://VAULT.vault.azure.net/keys/KEY`, with `/VERSION` or without; Azure's other clouds are known"],
  ['`vault`', '`KEY` of the Transit engine at `transit`, or `MOUNT/keys/KEY`'],
])}
## References to secrets

In place of a secret (\`APP_SECRET_CERTIFICATE_ENV_VAR\`, \`private_key\`, \`GITHUB_WEBHOOK_SECRET\`) there may be where it is. It is fetched once, at start.

${table([
  ['reference', 'what it names'],
  [
    '`gcp-secret://projects/PROJECT/secrets/SECRET/versions/VERSION`',
    'Google Secret Manager; the version is a number, an alias or `latest`',
  ],
  [
    '`aws-secret://NAME-OR-ARN`, `aws-secret://NAME-OR-ARN#JSON-KEY`',
    'AWS Secrets Manager; with a key, that member of a secret which is JSON',
  ],
  [
    '`akv-secret://VAULT/SECRET`, `akv-secret://VAULT/SECRET/VERSION`',
    'Azure Key Vault; VAULT is a name, or a host such as `acme.vault.azure.cn`',
  ],
  ['`vault-secret://MOUNT/PATH#FIELD`', 'a field of a secret in the key-value engine of HashiCorp Vault or OpenBao'],
])}`
