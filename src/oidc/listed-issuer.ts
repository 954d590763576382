import type { JSONWebKeySet } from 'jose'

/** An issuer that the operator knows (`ISSUERS_FILE`); `issuer` is compared byte for byte. */
export interface ListedIssuer {
  readonly issuer: string
  /** Its keys: such an issuer is never discovered and never fetched. */
  readonly keys?: JSONWebKeySet
  /** It may be at a private, loopback or link-local address, and its `jwks_uri` too. */
  readonly privateAddress?: boolean
  /** PEM: the authorities that vouch for its TLS certificate, instead of the public ones. */
  readonly ca?: string
  /** It issues tokens of GitHub Actions. */
  readonly github?: boolean
}
