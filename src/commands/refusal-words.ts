import { status } from '@grpc/grpc-js'
import type { Reading } from '../config/values.ts'
import { nearest } from '../terms/nearest.ts'
import { quote } from '../terms/text.ts'
import { REASONS } from '../wire/status.ts'

/** A reason of docs/errors.md, as `SUBJECT_MISMATCH`. */
export function readReason(text: string): Reading<string> {
  return oneOf(text, REASONS, 'a reason of docs/errors.md such as SUBJECT_MISMATCH')
}

/** The name of a gRPC status code that says no, as `NOT_FOUND`. */
export function readCode(text: string): Reading<number> {
  const reading = oneOf(text, CODES.keys(), 'the name of a gRPC status code such as NOT_FOUND')
  return 'problem' in reading ? reading : { value: CODES.get(reading.value) ?? status.UNKNOWN }
}

function oneOf(text: string, words: Iterable<string>, what: string): Reading<string> {
  const known = [...words]
  if (known.includes(text)) return { value: text }
  const near = nearest(
    text,
    known.map((word) => word.toLowerCase()),
  )
  const hint = near === undefined ? '' : `; did you mean ${near.toUpperCase()}?`
  return { problem: `must be ${what}, not ${quote(text, 80)}${hint}` }
}

/** All of google.rpc.Code but OK. */
const CODES: ReadonlyMap<string, number> = new Map(
  Array.from({ length: 16 }, (_, index): [string, number] => [status[index + 1] ?? '', index + 1]),
)
