import type { VaultLogin, VaultSettings } from '../terms/vault-settings.ts'
import type { Reader } from './reader.ts'
import { readBaseUrl } from './values.ts'
import type { VARIABLES } from './variable-table.ts'

/**
 * Where Vault is and as whom the service comes to it. Called only when a key or a secret is there: many platforms set
 * `VAULT_*` for everybody, and what nobody uses must not stop the start.
 */
export function readVaultSettings(reader: Reader<typeof VARIABLES>): VaultSettings | undefined {
  const { values } = reader
  const text = reader.required('VAULT_ADDR', { what: 'where the Vault is that has the keys or secrets', blank: '' })
  const login = loginOf(reader)
  if (text === '') return undefined
  const address = readBaseUrl('https://vault.example.com:8200')(text)
  if ('problem' in address) {
    for (const problem of [address.problem].flat()) reader.fault('VAULT_ADDR', problem)
    return undefined
  }
  if (login === undefined) return undefined
  return { address: address.value, login, namespace: values.VAULT_NAMESPACE, caFile: values.VAULT_CACERT }
}

function loginOf({ values, given, label, missing, problems }: Reader<typeof VARIABLES>): VaultLogin | undefined {
  const [name, ...others] = LOGINS.filter((login) => given(login) !== undefined)
  if (others.length > 0) {
    problems.push(
      `${LOGINS.filter((login) => given(login) !== undefined)
        .map(label)
        .join(' and ')} exclude each other: set one`,
    )
    return undefined
  }
  const { VAULT_TOKEN: token, VAULT_TOKEN_FILE: path, VAULT_ROLE: role } = values
  if (token !== undefined) return { kind: 'token', token }
  if (path !== undefined) return { kind: 'token-file', path }
  if (role !== undefined) {
    return {
      kind: 'kubernetes',
      role,
      mount: values.VAULT_AUTH_MOUNT,
      tokenFile: values.VAULT_SERVICE_ACCOUNT_TOKEN_FILE,
    }
  }
  if (name === undefined)
    missing('VAULT_TOKEN must be set, or VAULT_TOKEN_FILE, or VAULT_ROLE: as whom the service comes to Vault')
  return undefined
}

const LOGINS = ['VAULT_TOKEN', 'VAULT_TOKEN_FILE', 'VAULT_ROLE'] as const
