import { LOG_LEVELS } from '../runtime/log.ts'
import { KMS_PROVIDERS } from '../terms/app-key.ts'
import type { FileNeeds } from './files.ts'
import type { IssuersFileNeeds } from './issuers-file.ts'
import {
  API_URL,
  APP_IDS,
  BOOLEAN,
  DOMAIN,
  DURATION,
  HTTP_URL,
  ISSUER_RULES,
  ISSUERS_FILE,
  integer,
  KMS_KEYS,
  NAMED_FILE,
  OWNERS,
  oneOf,
  PERMISSION_CEILING,
  POLICY_SOURCES,
  POSITIVE_DURATION,
  PRIVATE_KEY,
  PRIVATE_KEY_FILES,
  REPOSITORY_NAME,
  SEAL_KEY_FILE,
  SEAL_KEYS,
  SECRETS,
  STICKY_STORE,
  STORE_URL,
  type StoreUrlNeeds,
  TEXT,
  WORKERS,
} from './kinds.ts'
import type { KeyNeeds, PatternNeeds } from './list-values.ts'
import { sealKeyOf, splitSealKeys } from './list-values.ts'
import { MASK, showHost, showNothing, showPlain, showPlainUrl, showReference, showStoreUrl } from './mask.ts'
import type { Table } from './variable.ts'

/** What the readers of the store's variables must ask other parts. */
export type StoreVariablesNeeds = FileNeeds & StoreUrlNeeds

/** What the readers of all variables must ask other parts: whether a key, a certificate, a pattern or a URL is one. */
export type VariablesNeeds = StoreVariablesNeeds & KeyNeeds & PatternNeeds & Omit<IssuersFileNeeds, 'path'>

/** Variables that OpenTelemetry's SDK reads too, out of the environment. */
const OPEN_TELEMETRY = { group: 'What is told', kind: TEXT, environmentOnly: true } as const

/** Those that a command needs that works on the shared store alone. */
export const STORE_VARIABLES = {
  STORE_URL: {
    group: 'Refresh tokens and shared state',
    kind: STORE_URL,
    unset: 'memory',
    show: showStoreUrl,
    about:
      '`redis://` or `rediss://`: where the replicas share what they must know of refresh tokens, single use and changes of policies ([the shared store](operate.md#the-shared-store)). Without it refresh tokens are known to one process, and end with it',
  },
  REFRESH_TOKEN_KEYS: {
    group: 'Refresh tokens and shared state',
    kind: SEAL_KEYS,
    unset: 'random',
    show: showNothing,
    about:
      'a comma list of 32 bytes in base64 (`openssl rand -base64 32`): the first seals refresh tokens, all open them. The same on every replica. Without it a key is made at start, and a warning says so',
  },
  REFRESH_TOKEN_KEYS_FILE: {
    group: 'Refresh tokens and shared state',
    kind: SEAL_KEY_FILE,
    show: (path: string) =>
      splitSealKeys(path).some((entry) => sealKeyOf(entry) !== undefined) ? MASK : showPlain(path),
    about: 'the path of a file with the same list, one on each line. One of the two, not both',
  },
  MAX_REFRESH_AGE: {
    group: 'Refresh tokens and shared state',
    kind: DURATION,
    default: '24h',
    about: 'no refresh token lives longer, whatever its policy says; `0`: there are none',
  },
} as const satisfies Table<StoreVariablesNeeds>

/** Those that a supervisor of workers needs. */
export const SUPERVISOR_VARIABLES = {
  WORKERS: {
    group: 'The listener',
    kind: WORKERS,
    default: '1',
    about:
      'how many processes serve the port: a number, or `auto` for one on each core that this process may use. With `1` there is no supervisor. More share what they must through `STORE_URL`: without it there are no refresh tokens and no `single_use` ([WORKERS](scale.md#workers))',
  },
  SHUTDOWN_GRACE: {
    group: 'The listener',
    kind: DURATION,
    default: '10s',
    about: 'how long SIGTERM waits for what is in flight',
  },
  LOG_LEVEL: {
    group: 'The listener',
    kind: oneOf(LOG_LEVELS),
    default: 'info',
    about: '`debug`, `info`, `warn`, `error`, `silent`',
  },
  METRICS: {
    group: 'What is told',
    kind: BOOLEAN,
    default: 'true',
    about: '`false` serves no metrics and sends no events, as in the reference',
  },
  METRICS_PORT: {
    group: 'What is told',
    kind: integer(0, 65_535),
    default: '2112',
    about:
      'where Prometheus finds the metrics, on a port of its own: `GET /metrics`. `0`: any that is free. One that is set and taken stops the start; where the usual one is taken, the service goes on without, and says so',
  },
} as const satisfies Table<unknown>

/** Every variable that the service reads. The single source: a variable that is not here does not exist. */
export const VARIABLES = {
  CONFIG_FILE: {
    group: 'Needed',
    kind: TEXT,
    environmentOnly: true,
    about:
      'the path of a YAML file that sets any of the other variables ([below](#config_file)); what the environment sets wins',
  },
  STS_DOMAIN: {
    group: 'Needed',
    kind: DOMAIN,
    unset: 'needed',
    about:
      'the host name under which callers reach the service, without `https://`: the audience of a policy that names none, the `source` of events, the `domain` of errors',
  },
  GITHUB_APP_IDS: {
    group: 'Needed',
    kind: APP_IDS,
    unset: 'needed',
    about:
      'the id of the GitHub App ([github-app.md](github-app.md)), or a comma list of several that take turns, for every owner. Their keys are named by one of the next three; `APP_CONFIG_FILE` takes the place of all of it',
  },
  APP_SECRET_CERTIFICATE_FILE: {
    group: 'Needed',
    kind: PRIVATE_KEY_FILES,
    about:
      "the path of the App's private key, PEM (PKCS#1 or PKCS#8); of several Apps a comma list of as many paths, in the order of their ids",
  },
  APP_SECRET_CERTIFICATE_ENV_VAR: {
    group: 'Needed',
    kind: PRIVATE_KEY,
    show: showReference,
    about:
      'or the PEM text itself, of one App; line breaks may be written `\\n`. Or where it is: a [reference](#references-to-secrets) to a secret manager',
  },
  KMS_KEYS: {
    group: 'Needed',
    kind: KMS_KEYS,
    about:
      'or keys of a key management service that signs and never hands them out: as many as `GITHUB_APP_IDS` has Apps, in their order. Written as `KMS_PROVIDER` writes them ([below](#keys-of-a-key-management-service))',
  },
  APP_CONFIG_FILE: {
    group: 'Needed',
    kind: NAMED_FILE,
    about: 'or the path of a YAML file with Apps of their own for each organization ([below](#app_config_file))',
  },
  KMS_PROVIDER: {
    group: 'The key of the App',
    kind: oneOf(KMS_PROVIDERS),
    default: 'gcp',
    about:
      'whose keys `KMS_KEYS`, and each `kms_key` of `APP_CONFIG_FILE`, are: `gcp` (Google Cloud KMS), `aws` (AWS KMS), `akv` (Azure Key Vault), `vault` (the Transit engine of HashiCorp Vault or OpenBao)',
  },
  VAULT_ADDR: {
    group: 'The key of the App',
    kind: TEXT,
    show: showPlainUrl,
    about:
      'where HashiCorp Vault or OpenBao is, `https://…`. This and the next are read only when a key or a secret is there',
  },
  VAULT_TOKEN: {
    group: 'The key of the App',
    kind: TEXT,
    show: showNothing,
    about: 'the token with which the service comes to it. Or one of the next two',
  },
  VAULT_TOKEN_FILE: {
    group: 'The key of the App',
    kind: TEXT,
    about: 'the path of a file with the token, which a Vault agent keeps fresh',
  },
  VAULT_ROLE: {
    group: 'The key of the App',
    kind: TEXT,
    about: "the role of Vault's Kubernetes auth method: the pod's service account is who the service is",
  },
  VAULT_AUTH_MOUNT: {
    group: 'The key of the App',
    kind: TEXT,
    default: 'kubernetes',
    about: 'where that auth method is mounted',
  },
  VAULT_SERVICE_ACCOUNT_TOKEN_FILE: {
    group: 'The key of the App',
    kind: TEXT,
    default: '/var/run/secrets/kubernetes.io/serviceaccount/token',
    about: "the path of the service account's token",
  },
  VAULT_NAMESPACE: {
    group: 'The key of the App',
    kind: TEXT,
    about: 'the namespace of Vault Enterprise',
  },
  VAULT_CACERT: {
    group: 'The key of the App',
    kind: TEXT,
    about: 'the path of a PEM file with the authorities that may vouch for the server',
  },
  PORT: {
    group: 'The listener',
    kind: integer(0, 65_535),
    default: '8080',
    about: 'the one port: gRPC, HTTP/1.1 and HTTP/2, told apart by what the client says first',
  },
  TLS_CERT_FILE: {
    group: 'The listener',
    kind: NAMED_FILE,
    unset: 'plain text',
    about:
      'the path of a PEM certificate, together with `TLS_KEY_FILE`: TLS 1.2 and later with ALPN `h2` and `http/1.1`. Both are read again when they change; a pair that does not fit is logged, and the old one stays',
  },
  TLS_KEY_FILE: {
    group: 'The listener',
    kind: NAMED_FILE,
    about: 'the path of the key of that certificate',
  },
  WORKERS: SUPERVISOR_VARIABLES.WORKERS,
  SELF_EXERCISE: {
    group: 'The listener',
    kind: BOOLEAN,
    default: 'true',
    about:
      '`false` leaves out the exchanges with which the service tries itself at start, for at most two seconds and against an embedded GitHub, so that the first real ones find compiled code. The port is open meanwhile; `/readyz` waits for it',
  },
  SMALL_HEAP: {
    group: 'The listener',
    kind: BOOLEAN,
    default: 'true',
    environmentOnly: true,
    about:
      '`false` leaves it to V8 how much memory to use, which is two to three times as much for somewhat less CPU. So does an option for its heap in `NODE_OPTIONS`, such as `--max-old-space-size` ([memory](operate.md#where-it-runs))',
  },
  SHUTDOWN_GRACE: SUPERVISOR_VARIABLES.SHUTDOWN_GRACE,
  LOG_LEVEL: SUPERVISOR_VARIABLES.LOG_LEVEL,
  GITHUB_BASE_URL: {
    group: 'GitHub',
    kind: API_URL,
    default: 'https://api.github.com',
    show: showPlainUrl,
    about: "GitHub's REST API; `https://HOST/api/v3` for Enterprise Server",
  },
  ORG_POLICY_REPO: {
    group: 'GitHub',
    kind: REPOSITORY_NAME,
    default: '.github',
    about: "the repository with an owner's organization policies and its list of trusted issuers",
  },
  STALE_POLICY_MAX: {
    group: 'GitHub',
    kind: DURATION,
    default: '1h',
    about:
      'how old a policy may be that is used while GitHub limits, fails or does not answer; `0`: never. A file that GitHub says is gone is gone at once',
  },
  ALLOWED_ISSUERS: {
    group: 'Who may ask',
    kind: ISSUER_RULES,
    unset: 'all',
    about:
      'issuers that are accepted at all, checked before anything is fetched: each an issuer (compared as it is), or, when it has any character that an issuer has not, an RE2 pattern of the whole issuer',
  },
  REQUIRE_TRUSTED_ISSUERS: {
    group: 'Who may ask',
    kind: BOOLEAN,
    default: 'false',
    about: '`true` refuses every owner that has no list of trusted issuers (`trusted-token-issuers.yaml`)',
  },
  MAX_TOKEN_AGE: {
    group: 'Who may ask',
    kind: POSITIVE_DURATION,
    unset: 'no limit',
    about:
      "how old a caller's token may be, by its `iat`; one that has none is refused then. For issuers whose tokens live longer than you like",
  },
  ISSUERS_FILE: {
    group: 'Who may ask',
    kind: ISSUERS_FILE,
    about:
      'the path of a YAML file that says what is special about single issuers ([ISSUERS_FILE](operate.md#issuers_file))',
  },
  ALLOW_LOOPBACK_ISSUERS: {
    group: 'Who may ask',
    kind: BOOLEAN,
    default: 'false',
    about: 'accept `http://localhost`, `127.0.0.1` and `[::1]` as issuers. For development: never in production',
  },
  ALLOWED_OWNERS: {
    group: 'What may be asked for',
    kind: OWNERS,
    unset: 'all',
    about: 'organizations and users that are served. Set it when anybody can install your App',
  },
  MAX_PERMISSIONS: {
    group: 'What may be asked for',
    kind: PERMISSION_CEILING,
    unset: 'no ceiling',
    about:
      'a comma list of `name:level` (`contents:write,issues:write,metadata:read`): a policy that asks for more, or for a permission that is not named, is refused',
  },
  POLICY_SOURCES: {
    group: 'What may be asked for',
    kind: POLICY_SOURCES,
    default: 'both',
    about:
      'where policies may be: `repository` (in the repository that they are about), `organization` (in the policy repository), or `both`',
  },
  REPO_POLICY_ORG_PERMISSIONS: {
    group: 'What may be asked for',
    kind: oneOf(['none', 'read', 'write']),
    default: 'read',
    about:
      "how much of an organization's permissions (`members`, `organization_*`, …) a _repository's own_ policy may hand out: `none`, `read` or `write`. Whoever can push to one repository would otherwise hold the organization",
  },
  SELF_WRITE: {
    group: 'What may be asked for',
    kind: oneOf(['allow', 'deny']),
    default: 'allow',
    about:
      "`deny` refuses a repository's own policy that grants `contents: write`, `workflows: write` or `administration: write` on that repository: its token can rewrite the policy. `allow` says so in the log, the event and the webhook's check",
  },
  OCTOSTS_QUOTA_FLOOR_SOFT: {
    group: 'Several Apps',
    kind: integer(0, 1_000_000),
    default: '5000',
    about:
      "of a pool of Apps, those with more requests left than this are taken first, the one with most before the others. By what GitHub's answers say of the installation",
  },
  OCTOSTS_QUOTA_FLOOR_HARD: {
    group: 'Several Apps',
    kind: integer(0, 1_000_000),
    default: '1500',
    about: 'then those above this one, then any. At most the soft one',
  },
  OCTOSTS_QUOTA_STALE: {
    group: 'Several Apps',
    kind: DURATION,
    default: '5m',
    about: 'how old such a reading may be to count; `0`: none counts',
  },
  OCTOSTS_STICKY_STORE: {
    group: 'Several Apps',
    kind: STICKY_STORE,
    unset: '`store` with `STORE_URL`, else `memory`',
    about:
      'where it is remembered which App minted a token with `checks: write`, because only that App can update its check runs: `memory` of this process, or `store`, which all replicas share (needs `STORE_URL`). `firestore` of the reference is not offered',
  },
  ...STORE_VARIABLES,
  SINGLE_PROCESS: {
    group: 'Refresh tokens and shared state',
    kind: BOOLEAN,
    default: 'false',
    about:
      '`true` declares that no other process serves these exchanges, so that `single_use` policies work without `STORE_URL`',
  },
  GITHUB_WEBHOOK_SECRET: {
    group: 'The webhook',
    kind: SECRETS,
    unset: 'no webhook',
    show: showReference,
    about:
      "the secret of the App's webhook: at least 16 characters (`openssl rand -hex 32`), or a [reference](#references-to-secrets) to it. A comma list while it is rotated: each is accepted",
  },
  GITHUB_WEBHOOK_ORGANIZATION_FILTER: {
    group: 'The webhook',
    kind: OWNERS,
    unset: 'all',
    about: 'organizations and users whose deliveries count; those of others are answered and ignored',
  },
  GITHUB_WEBHOOK_SHA1: {
    group: 'The webhook',
    kind: BOOLEAN,
    default: 'false',
    about: '`true` accepts the old SHA-1 signatures beside SHA-256. Only for proxies that drop the new header',
  },
  DENIAL_DETAIL: {
    group: 'What is told',
    kind: oneOf(['auto', 'full']),
    default: 'auto',
    about:
      '`full`: every caller learns what a policy expected. `auto`: only workflows of the repository that holds the policy do; the log always has it',
  },
  EVENT_INGRESS_URI: {
    group: 'What is told',
    kind: HTTP_URL,
    unset: 'no events',
    show: showHost,
    about: 'where the CloudEvent of each exchange is sent',
  },
  EVENT_INGRESS_AUTH: {
    group: 'What is told',
    kind: oneOf(['auto', 'google', 'none']),
    default: 'auto',
    about:
      "who the service is for that sink: `google` sends a Google ID token (https only), `none` nothing, `auto` the token where the sink is a host of Google's",
  },
  METRICS: SUPERVISOR_VARIABLES.METRICS,
  METRICS_PORT: SUPERVISOR_VARIABLES.METRICS_PORT,
  OTEL_EXPORTER_OTLP_ENDPOINT: {
    ...OPEN_TELEMETRY,
    unset: 'no traces',
    show: showHost,
    about:
      'where traces are sent. This and the next decide whether there are traces; OpenTelemetry reads all of its variables itself',
  },
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: {
    ...OPEN_TELEMETRY,
    show: showHost,
    about: 'the same, for traces alone',
  },
  OTEL_TRACES_EXPORTER: {
    ...OPEN_TELEMETRY,
    about: '`none`: no traces, whatever else is set; any other: traces',
  },
  OTEL_SDK_DISABLED: {
    ...OPEN_TELEMETRY,
    about: '`true`: no traces, whatever else is set',
  },
} as const satisfies Table<VariablesNeeds>

export type VariableName = keyof typeof VARIABLES
