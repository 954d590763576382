/** Where HashiCorp Vault or OpenBao is, and as whom this service comes to it: what `VAULT_*` says. */
export interface VaultSettings {
  /** `VAULT_ADDR`: https; http only for this machine itself. */
  readonly address: string
  readonly login: VaultLogin
  /** `VAULT_NAMESPACE` */
  readonly namespace: string | undefined
  /** `VAULT_CACERT`: a PEM file of the authorities that may vouch for the server; undefined: those that Node.js knows. */
  readonly caFile: string | undefined
}

export type VaultLogin =
  /** `VAULT_TOKEN`: a secret. */
  | { readonly kind: 'token'; readonly token: string }
  /** `VAULT_TOKEN_FILE`: read for every call, because a Vault agent renews what is in it. */
  | { readonly kind: 'token-file'; readonly path: string }
  /** The Kubernetes auth method, mounted at `mount`: the token of a service account, in a file, for a token of Vault's. */
  | { readonly kind: 'kubernetes'; readonly role: string; readonly mount: string; readonly tokenFile: string }
