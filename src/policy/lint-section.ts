import { pointerTo, type YamlDocument } from './document.ts'
import type { Alternative, TrustPolicy } from './trust-policy.ts'

/** One alternative of a policy, and the JSON Pointer of where it stands: nothing at the top of the file. */
export interface AlternativeSection {
  readonly alternative: Alternative
  readonly pointer: string
}

/** The alternatives of a compiled policy with their places in the file it was made of. */
export function sectionsOf({ alternatives }: TrustPolicy, { root }: YamlDocument): readonly AlternativeSection[] {
  const isList = Object.hasOwn(root, 'rules')
  return alternatives.map((alternative, index) => ({ alternative, pointer: isList ? pointerTo('/rules', index) : '' }))
}
