import type { Grant } from '../exchange/ports.ts'
import { isJsonObject } from '../terms/json.ts'
import { type Answer, messageOf } from './answer.ts'
import { notGranted } from './installation-answer.ts'

/** What a 422 to a request for a token means; GitHub says it in its message alone. */
export type Unprocessable =
  | { readonly kind: 'repository' }
  | { readonly kind: 'permission'; readonly permission: string | undefined }
  | { readonly kind: 'malformed' }
  | { readonly kind: 'other' }

/** GitHub's message first; where that is not known, what is known of the installation. */
export function readUnprocessable(answer: Answer, grant: Grant): Unprocessable {
  const message = messageOf(answer.body)
  const missing = notGranted(grant.installation, grant.permissions)
  if (REPOSITORY.test(message)) return { kind: 'repository' }
  if (NOT_GRANTED.test(message)) return { kind: 'permission', permission: missing }
  if (MALFORMED.test(message) || namesPermission(answer.body)) return { kind: 'malformed' }
  return missing === undefined ? { kind: 'other' } : { kind: 'permission', permission: missing }
}

function namesPermission(body: unknown): boolean {
  const errors: unknown = isJsonObject(body) ? body['errors'] : undefined
  return (
    Array.isArray(errors) && errors.some((error: unknown) => isJsonObject(error) && error['field'] === 'permissions')
  )
}

/** "There is at least one repository that does not exist or is not accessible to the parent installation." */
const REPOSITORY = /repositor(?:y|ies)\b.*(?:not exist|not accessible)/is
/** "The permissions requested are not granted to this installation." */
const NOT_GRANTED = /permissions?\b.*not (?:been )?granted/is
/** "Invalid request.\n\n`x` is not a permitted key." and "… is not a member of [read, write]." name what was sent. */
const MALFORMED = /permission|permitted key|not a member of|invalid request/i
