import type { YamlDocument } from './document.ts'
import type { Place } from './places.ts'
import type { Finding } from './trust-policy.ts'

/** A list that is never empty. */
export type Some<T> = readonly [T, ...T[]]

export function isSome<T>(list: readonly T[]): list is Some<T> {
  return list.length > 0
}

/** The findings with the places of their fields. */
export function placed(findings: readonly Finding[], document: YamlDocument): readonly Finding[] {
  return findings.map((finding) =>
    finding.line === undefined ? { ...finding, ...document.place(finding.pointer) } : finding,
  )
}

/** The findings with their places, in the order of the file; what has no place comes last. */
export function inFileOrder(findings: Some<Finding>, document: YamlDocument): Some<Finding> {
  const sorted = placed(findings, document).toSorted(byPlace)
  return isSome(sorted) ? sorted : findings
}

/** A finding that can be shown beside its line. */
export type PlacedFinding = Finding & Place

/** The same, each beside a line: what is missing from the file, and what has no place else, stands at its start. */
export function besideLines(findings: readonly Finding[], document: YamlDocument): readonly PlacedFinding[] {
  return findings.map((finding) => ({ ...(document.place(finding.pointer) ?? START), ...finding })).toSorted(byPlace)
}

function byPlace(a: Finding, b: Finding): number {
  return (a.line ?? Infinity) - (b.line ?? Infinity) || (a.column ?? 0) - (b.column ?? 0)
}

const START: Place = { line: 1, column: 1 }
