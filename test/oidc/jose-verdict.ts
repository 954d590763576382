import type { KeyObject } from 'node:crypto'
import { compactVerify } from 'jose'

/** What jose says of a token: the reference of whatever verifies signatures here. */
export function joseAccepts(compact: string, key: KeyObject, alg: string): Promise<boolean> {
  return compactVerify(compact, key, { algorithms: [alg] }).then(
    () => true,
    () => false,
  )
}
