/** Where the private key of a GitHub App is. */
export type AppKey =
  /** The text itself, checked: a secret. */
  | { readonly kind: 'pem'; readonly pem: string }
  /** In a key management service, which signs and never hands it out; `key` is the service's name of it. */
  | { readonly kind: 'kms'; readonly provider: KmsProvider; readonly key: string }
  /** The text is in a secret manager, and is fetched at start. */
  | { readonly kind: 'reference'; readonly reference: SecretReference }

export const KMS_PROVIDERS = ['gcp', 'aws', 'akv', 'vault'] as const
export type KmsProvider = (typeof KMS_PROVIDERS)[number]

/** The name of a text in a secret manager. */
export interface SecretReference {
  readonly manager: KmsProvider
  /** In the manager's own words: a resource name, an ARN, a URL, a path. */
  readonly name: string
}

/** A secret of the operator's: the text, or where it is. */
export type Secret =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'reference'; readonly reference: SecretReference }

/** Signs `input` with RSASSA-PKCS1-v1_5 and SHA-256 (RS256, RFC 7518 §3.3). Refuses `SIGNER_UNAVAILABLE`, `SIGNER_REFUSED`. */
export type Signer = (input: string) => Promise<Uint8Array>
