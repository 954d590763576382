import type { TrustedIssuersDocument } from '../gen/documents.ts'
import { isTrustedIssuersDocument, type SchemaFault } from '../gen/validators.cjs'
import { issuerFault } from '../terms/issuer.ts'
import { nearest } from '../terms/nearest.ts'
import { finish, type Steps } from '../terms/steps.ts'
import { quote } from '../terms/text.ts'
import { documentReading, pointerTo, type YamlDocument } from './document.ts'
import { inFileOrder, isSome, type Some } from './findings.ts'
import { exactly } from './pattern.ts'
import { slashFault } from './pattern-slashes.ts'
import type { Finding, Matcher } from './trust-policy.ts'
import type { TrustedIssuersCompilation } from './trusted-issuers.ts'
import { beginCompiling, type Compiling, patternMatcher, refuse } from './work.ts'

/**
 * Makes a list of trusted issuers of the text of `trusted-token-issuers.yaml`, or says all that is wrong with it, in the
 * order of the file (contract §6): strict YAML, at most 64 issuers that keep the rules of an issuer with scheme and host in
 * lower case, at most 16 patterns in which every `/` stands fixed, at least one of either, none twice. http is accepted for
 * loopback hosts: whether such tokens are is the operator's. Nothing is normalised. What it costs is bounded whatever the text.
 */
export function compileTrustedIssuers(text: string): TrustedIssuersCompilation {
  return finish(trustedIssuersCompilation(text))
}

/** The same in steps, each of a few milliseconds whatever the text. */
export function* trustedIssuersCompilation(text: string): Steps<TrustedIssuersCompilation> {
  const document = yield* documentReading(text)
  return yield* listCompilation(document)
}

/** The same of a file that has been read, for who wants to know places in it too. */
export function* listCompilation(document: YamlDocument): Steps<TrustedIssuersCompilation> {
  const { root } = document
  if (isSome(document.findings)) return refused(document.findings, document)
  if (!isTrustedIssuersDocument(root)) return refused(shapeFindings(), document)

  const work = beginCompiling()
  const fields: TrustedIssuersDocument = root
  const issuers = [...listedIssuers(work, fields), ...(yield* issuerPatterns(work, fields))]
  if (isSome(work.findings)) return refused(work.findings, document)
  if (!isSome(issuers)) throw new Error('a list of trusted issuers without a fault named none')
  return { ok: true, list: { mode: fields.mode ?? 'enforce', issuers } }
}

function refused(findings: Some<Finding>, document: YamlDocument): TrustedIssuersCompilation {
  return { ok: false, findings: inFileOrder(findings, document) }
}

function listedIssuers(work: Compiling, { issuers = [] }: TrustedIssuersDocument): readonly Matcher[] {
  for (const [index, issuer] of issuers.entries()) {
    const fault = hostFault(issuer) ?? issuerFault(issuer, SYNTAX) ?? repeated(issuers, index)
    if (fault !== undefined) refuse(work, pointerTo('/issuers', index), `issuers[${index}] ${quote(issuer)} ${fault}`)
  }
  return issuers.map(exactly)
}

function* issuerPatterns(work: Compiling, { issuer_patterns = [] }: TrustedIssuersDocument): Steps<readonly Matcher[]> {
  const matchers: Matcher[] = []
  for (const [index, pattern] of issuer_patterns.entries()) {
    const pointer = pointerTo('/issuer_patterns', index)
    const field = `issuer_patterns[${index}]`
    const matcher = yield* patternMatcher(work, pattern, { pointer, field })
    if (matcher === undefined) continue
    const fault = slashFault(pattern) ?? repeated(issuer_patterns, index)
    if (fault !== undefined) refuse(work, pointer, `${field} ${fault}`)
    matchers.push(matcher)
  }
  return matchers
}

function repeated(entries: readonly string[], index: number): string | undefined {
  return entries.indexOf(entries[index] ?? '') < index ? 'is given twice' : undefined
}

/** Issuers are compared byte for byte, and every issuer writes these in lower case: another spelling would match none. */
function hostFault(issuer: string): string | undefined {
  const [start = ''] = SCHEME_AND_HOST.exec(issuer) ?? []
  const lower = start.toLowerCase()
  return start === lower ? undefined : `has capital letters in its scheme or host: write ${quote(lower)}`
}

/** Of the last call of the validator. */
function shapeFindings(): Some<Finding> {
  const faults = (isTrustedIssuersDocument.errors ?? []).filter(({ keyword }) => keyword !== 'required') // branches of anyOf
  const findings = faults.slice(0, FAULT_LIMIT).flatMap(shapeFinding)
  if (!isSome(findings)) throw new Error('the schema refused a list of trusted issuers without saying why')
  return findings
}

function shapeFinding({ instancePath: pointer, keyword, params }: SchemaFault): readonly Finding[] {
  const field = fieldAt(pointer)
  const finding = (message: string) => [{ pointer, message }]
  switch (keyword) {
    case 'type':
      return finding(`${field} must be ${params['type'] === 'array' ? 'a list' : 'a text'}`)
    case 'enum':
      return finding('mode must be enforce or audit')
    case 'minItems':
      return finding(`${field} is empty: name one, or leave the field out`)
    case 'maxItems':
      return finding(`${field} has more than ${String(params['limit'])} entries`)
    case 'maxLength':
      return finding(`${field} is longer than ${String(params['limit'])} characters`)
    case 'anyOf':
      return finding('the file names no issuer: give issuers, issuer_patterns, or both')
    case 'additionalProperties': {
      const name = String(params['additionalProperty'])
      const near = nearest(name, FIELDS)
      const meant = near === undefined ? '' : `; did you mean "${near}"?`
      return [{ pointer: pointerTo(pointer, name), message: `unknown field ${quote(name)}${meant}` }]
    }
    default:
      return []
  }
}

/** `/issuers/2` as `issuers[2]`. */
function fieldAt(pointer: string): string {
  const [, field = '', index] = pointer.split('/')
  return index === undefined ? field : `${field}[${index}]`
}

/** The syntax alone: which of these issuers are served is the operator's to say. */
const SYNTAX = { allowLoopback: true, named: new Set<string>() }
const SCHEME_AND_HOST = /^[A-Za-z]+:\/\/[^/]*/
/** Nobody reads more, and a file of 64 KiB can have twenty thousand. */
const FAULT_LIMIT = 100
const FIELDS: readonly string[] = Object.keys({
  mode: true,
  issuers: true,
  issuer_patterns: true,
} satisfies Record<keyof TrustedIssuersDocument, true>)
