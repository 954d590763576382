import { GitHubError } from './github-answer.ts'

export type JsonObject = Readonly<Record<string, unknown>>

/** The body as a JSON object; 400 where it is none, as at GitHub. */
export function objectBody(body: unknown): JsonObject {
  if (!isRecord(body)) throw new GitHubError(400, 'Body should be a JSON object')
  return body
}

/** GitHub's 422 for a body that is not of the described shape. */
export function invalid(what: string): GitHubError {
  return new GitHubError(422, `Invalid request.\n\n${what}`)
}

/** GitHub's 422 for a value that has the described shape and is wrong all the same. */
export function failedValidation(resource: string, field: string, code: 'missing_field' | 'invalid'): GitHubError {
  return new GitHubError(422, 'Validation Failed', { errors: [{ resource, code, field }] })
}

export function isRecord(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Refuses an object that lacks one of the members. */
export function requireMembers(object: JsonObject, names: readonly string[]): void {
  const missing = names.filter((name) => object[name] === undefined)
  if (missing.length === 0) return
  const list = missing.map((name) => JSON.stringify(name)).join(', ')
  throw invalid(`${list} ${missing.length === 1 ? "wasn't" : "weren't"} supplied.`)
}

/** A member that is a text or absent; at most so many characters. */
export function textOf(object: JsonObject, name: string, most = Number.POSITIVE_INFINITY): string | undefined {
  const value = object[name]
  if (value === undefined) return undefined
  if (typeof value !== 'string') throw notA(name, value, 'a string')
  if (value.length > most) throw invalid(`Only ${most} characters are allowed; ${value.length} were supplied.`)
  return value
}

/** A member that is an integer or absent. */
export function integerOf(object: JsonObject, name: string): number | undefined {
  const value = object[name]
  if (value !== undefined && !Number.isInteger(value)) throw notA(name, value, 'an integer')
  return typeof value === 'number' ? value : undefined
}

/** A member that is a time (RFC 3339, in UTC) or absent. */
export function timeOf(object: JsonObject, name: string): Date | undefined {
  const text = textOf(object, name)
  if (text === undefined) return undefined
  if (!RFC_3339.test(text) || Number.isNaN(Date.parse(text))) throw notA(name, text, 'a valid date-time')
  return new Date(text)
}

/** A member that is one of the words or absent. */
export function wordOf<T extends string>(object: JsonObject, name: string, words: readonly T[]): T | undefined {
  const value = textOf(object, name)
  const found = words.find((word) => word === value)
  if (value !== undefined && found === undefined) throw notA(name, value, `a member of ${JSON.stringify(words)}`)
  return found
}

/** A member that is a list of objects or absent; at most so many. */
export function objectsOf(object: JsonObject, name: string, most: number): readonly JsonObject[] {
  const value = object[name] ?? []
  if (!Array.isArray(value)) throw notA(name, value, 'an array')
  const items: readonly unknown[] = value
  if (items.length > most) throw invalid(`No more than ${most} items are allowed; ${items.length} were supplied.`)
  return items.map((item) => {
    if (!isRecord(item)) throw notA(name, item, 'an object')
    return item
  })
}

function notA(name: string, value: unknown, what: string): GitHubError {
  return invalid(`For 'properties/${name}', ${JSON.stringify(value)} is not ${what}.`)
}

const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/
