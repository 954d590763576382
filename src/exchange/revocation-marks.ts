import { createHash } from 'node:crypto'
import { nameKey } from '../terms/scope.ts'
import type { RefreshTokenContents } from './refresh-token.ts'

/** The names under which a family may have been marked as revoked: its identity, and its issuer with the subject. */
export function marksOf({
  scope,
  identity,
  claims,
}: Pick<RefreshTokenContents, 'scope' | 'identity' | 'claims'>): readonly string[] {
  return [identityMark(scope, identity), subjectMark(claims.iss, claims.sub)]
}

export function identityMark(scope: string, identity: string): string {
  return markName(['identity', nameKey(scope), identity])
}

export function subjectMark(issuer: string, subject: string): string {
  return markName(['subject', issuer, subject])
}

/** Of one length, whatever strangers put into the parts. */
function markName(parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url')
}
