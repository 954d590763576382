import {
  EVENT_ID,
  type Event,
  getScalarValue,
  type MappingEvent,
  parseEvents,
  SCALAR_STYLE,
  type ScalarEvent,
  type SequenceEvent,
  YAMLException,
} from 'js-yaml'
import { finish, type Steps } from '../terms/steps.ts'
import { escapeUnprintable, quote } from '../terms/text.ts'
import { type Place, placesIn } from './places.ts'
import type { Finding } from './trust-policy.ts'

/** A YAML file as plain data: mappings are objects without a prototype, and every scalar, keys included, is a text. */
export interface YamlDocument {
  readonly root: Readonly<Record<string, unknown>>
  /** What is wrong with the file as YAML; the root is complete only when there is nothing. */
  readonly findings: readonly Finding[]
  /** Where a JSON Pointer's key (in a list: its element) stands in the text. */
  readonly place: (pointer: string) => Place | undefined
}

/**
 * Reads one YAML document whose root is a mapping. YAML's typing never happens (`yes`, `010`, `1.10` and `null` stay what
 * was written: contract §11.5). Findings: text over the limit (64 KiB) or of too many pieces, nesting over 16, aliases,
 * anchors, tags, merge keys, repeated keys, keys that are no text, no or several documents, a root that is no mapping, and
 * whatever is not YAML.
 */
export function readDocument(text: string, limitBytes = TEXT_LIMIT_BYTES): YamlDocument {
  return finish(documentReading(text, limitBytes))
}

/** The same in steps: of 64 KiB each takes a few milliseconds. */
export function* documentReading(text: string, limitBytes = TEXT_LIMIT_BYTES): Steps<YamlDocument> {
  const source = text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text
  const placeOf = placesIn(source)
  if (isTooLong(source, limitBytes)) return unreadable(`the file is longer than ${limitBytes / 1024} KiB`)
  const mostPieces = limitBytes / BYTES_OF_A_PIECE
  if (hasMorePieces(source, mostPieces))
    return unreadable(`the file has more than ${mostPieces} lines, keys and entries`)
  const events = eventsOf(source)
  yield
  if ('offset' in events) return unreadable(events.message, placeOf(events.offset))

  const reader: Reader = { source, events, placeOf, next: 0, offsets: new Map(), findings: [] }
  const root = readRoot(reader)
  yield
  const place = (pointer: string): Place | undefined => {
    const offset = reader.offsets.get(pointer)
    return offset === undefined ? undefined : placeOf(offset)
  }
  return { root, findings: reader.findings, place }
}

/** A JSON Pointer (RFC 6901 §3) to a member of what `pointer` points to. */
export function pointerTo(pointer: string, name: string | number): string {
  return `${pointer}/${String(name).replaceAll('~', '~0').replaceAll('/', '~1')}`
}

interface Reader {
  readonly source: string
  readonly events: readonly Event[]
  readonly placeOf: (offset: number) => Place
  readonly offsets: Map<string, number>
  readonly findings: Finding[]
  next: number
}

function readRoot(reader: Reader): Readonly<Record<string, unknown>> {
  const documents = reader.events.filter((event) => event.type === EVENT_ID.DOCUMENT)
  const start = reader.events[1]
  if (start === undefined || (start.type === EVENT_ID.SCALAR && start.valueStart < 0)) {
    report(reader, '', 'the file is empty')
    return emptyObject()
  }
  if (documents.length > 1) report(reader, '', 'the file holds several documents; it must be one')
  if (documents.some(({ directives }) => directives.some(({ kind }) => kind === 'tag'))) {
    report(reader, '', 'a %TAG directive is not allowed')
  }
  if (start.type !== EVENT_ID.MAPPING) {
    report(reader, '', 'the file must be a mapping of fields to values')
    return emptyObject()
  }
  reader.next = 2
  refuseProperties(reader, start, '')
  return readMapping(reader, '')
}

function readMapping(reader: Reader, pointer: string): Record<string, unknown> {
  const mapping = emptyObject()
  for (let event = take(reader); event !== undefined && event.type !== EVENT_ID.POP; event = take(reader)) {
    const name = readKey(reader, event, pointer)
    if (name === undefined) {
      readNode(reader, pointer)
      continue
    }
    const member = pointerTo(pointer, name)
    const repeated = Object.hasOwn(mapping, name)
    if (event.type === EVENT_ID.SCALAR) {
      if (repeated) report(reader, member, `${quote(name)} is given twice`, offsetOf(event))
      else if (event.valueStart >= 0) reader.offsets.set(member, offsetOf(event))
    }
    const value = readNode(reader, member)
    if (!repeated) mapping[name] = value
  }
  return mapping
}

/** The name of a member, or undefined when what stands there can be none (which is reported). */
function readKey(reader: Reader, event: Event, pointer: string): string | undefined {
  if (event.type !== EVENT_ID.SCALAR) {
    if (event.type === EVENT_ID.ALIAS) report(reader, pointer, ALIAS_REFUSED, event.anchorStart - 1)
    else report(reader, pointer, 'a key must be a text', 'start' in event ? event.start : undefined)
    if (event.type === EVENT_ID.MAPPING) readMapping(reader, pointer)
    if (event.type === EVENT_ID.SEQUENCE) readSequence(reader, pointer)
    return undefined
  }
  refuseProperties(reader, event, pointer)
  const name = getScalarValue(reader.source, event)
  if (name === '<<' && event.style === SCALAR_STYLE.PLAIN) {
    report(reader, pointer, 'a merge key (<<) is not allowed: write the fields out', offsetOf(event))
    return undefined
  }
  return name
}

function readSequence(reader: Reader, pointer: string): unknown[] {
  const sequence: unknown[] = []
  for (let event = peek(reader); event !== undefined && event.type !== EVENT_ID.POP; event = peek(reader)) {
    const member = pointerTo(pointer, sequence.length)
    const offset = startOf(event)
    if (offset >= 0) reader.offsets.set(member, offset)
    sequence.push(readNode(reader, member))
  }
  reader.next += 1
  return sequence
}

/** The parser bounds how deep this goes. */
function readNode(reader: Reader, pointer: string): unknown {
  const event = take(reader)
  switch (event?.type) {
    case EVENT_ID.SCALAR:
      refuseProperties(reader, event, pointer)
      return getScalarValue(reader.source, event)
    case EVENT_ID.SEQUENCE:
      refuseProperties(reader, event, pointer)
      return readSequence(reader, pointer)
    case EVENT_ID.MAPPING:
      refuseProperties(reader, event, pointer)
      return readMapping(reader, pointer)
    case EVENT_ID.ALIAS:
      report(reader, pointer, ALIAS_REFUSED, event.anchorStart - 1)
      return ''
    default:
      throw new Error('the YAML parser left a node unfinished')
  }
}

function refuseProperties(reader: Reader, event: ScalarEvent | SequenceEvent | MappingEvent, pointer: string): void {
  if (event.anchorStart >= 0) report(reader, pointer, 'an anchor (&) is not allowed', event.anchorStart - 1)
  if (event.tagStart >= 0) {
    report(reader, pointer, 'a tag (!) is not allowed: every value is the text as written', event.tagStart)
  }
}

function report(reader: Reader, pointer: string, message: string, offset?: number): void {
  if (reader.findings.length === FINDING_LIMIT) return
  const place = offset === undefined ? undefined : reader.placeOf(offset)
  reader.findings.push({ message, pointer, ...place })
}

function take(reader: Reader): Event | undefined {
  const event = reader.events[reader.next]
  reader.next += 1
  return event
}

function peek(reader: Reader): Event | undefined {
  return reader.events[reader.next]
}

function startOf(event: Event): number {
  if (event.type === EVENT_ID.SCALAR) return offsetOf(event)
  return 'start' in event ? event.start : -1
}

/** The parser's range leaves out the quotation mark. */
function offsetOf(event: ScalarEvent): number {
  const quoted = event.style === SCALAR_STYLE.SINGLE_QUOTED || event.style === SCALAR_STYLE.DOUBLE_QUOTED
  return quoted ? event.valueStart - 1 : event.valueStart
}

function eventsOf(source: string): readonly Event[] | { readonly message: string; readonly offset: number } {
  try {
    return parseEvents(source, { maxDepth: DEPTH_LIMIT })
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error
    return { message: `not valid YAML: ${escapeUnprintable(error.reason)}`, offset: error.mark?.position ?? 0 }
  }
}

/**
 * Each thing that the parser finds costs it up to 2 µs, before anybody knows whether it may stand there. It begins a line, or
 * comes after a comma, in a bracket, or after one of `-`, `?` and `:`.
 */
function hasMorePieces(source: string, most: number): boolean {
  let count = 0
  for (let index = 0; index < source.length; index += 1) {
    const unit = source.charCodeAt(index)
    const starts = PIECE_STARTS.has(unit) || (INDICATORS.has(unit) && indicates(source, index))
    if (starts) count += 1
  }
  return count > most
}

function indicates(source: string, index: number): boolean {
  return AFTER_INDICATOR.has(source.charCodeAt(index + 1)) || BEFORE_COLON.has(source.charCodeAt(index - 1))
}

function unreadable(message: string, place?: Place): YamlDocument {
  return { root: emptyObject(), findings: [{ message, pointer: '', ...place }], place: () => undefined }
}

/** Without a prototype, so that `__proto__`, `constructor` and their like are names as any other (contract §11.11). */
function emptyObject(): Record<string, unknown> {
  return Object.create(null) as Record<string, unknown>
}

function unitsOf(characters: string): ReadonlySet<number> {
  return new Set([...characters].map((character) => character.charCodeAt(0)))
}

function isTooLong(source: string, limitBytes: number): boolean {
  return source.length > limitBytes || new TextEncoder().encode(source).length > limitBytes
}

/** A policy of GitHub's largest organizations is a few KiB; this bounds what parsing a stranger's file can cost. */
const TEXT_LIMIT_BYTES = 65_536
/** Bytes for each piece, at the limit: a policy may have 4096, twice those of one with 500 repositories and 32 rules. */
const BYTES_OF_A_PIECE = 16
const PIECE_STARTS = unitsOf('\n\r,[{')
const INDICATORS = unitsOf(':?-')
/** White space, and what follows in `---`. */
const AFTER_INDICATOR = unitsOf(' \t\n\r-')
/** Of a key as JSON has it, whose value may follow at once. */
const BEFORE_COLON = unitsOf('"\']}')
/** The deepest field of a policy is at depth 5: a pattern of a claim of a rule. */
const DEPTH_LIMIT = 16
/** Nobody reads more, and a file of 64 KiB can have ten thousand. */
const FINDING_LIMIT = 100
const BYTE_ORDER_MARK = '\uFEFF'
const ALIAS_REFUSED = 'an alias (*) is not allowed: write the value out'
