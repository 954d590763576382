import { Ajv, type ValidateFunction } from 'ajv'
import type { Observation } from '../../src/sandbox/github-server.ts'
import {
  loadOpenApiDescription,
  type OpenApiContent,
  type OpenApiDescription,
  type OpenApiOperation,
  type OpenApiSchema,
  type Reference,
} from './openapi-description.ts'
import { closedSchema } from './openapi-schema.ts'

/** What is held against the description: a request and its answer, bodies as parsed JSON. */
export type Conversation = Pick<
  Observation,
  'method' | 'route' | 'query' | 'status' | 'requestBody' | 'responseBody' | 'fault'
>

/** GitHub's published description of its API as a check of what the service sends and the sandbox answers. */
export interface Conformance {
  /**
   * What of the conversation is not as GitHub describes it; empty when all is. Every schema is closed: an unknown member
   * is a fault. The answer is left out where a fault has spoiled it, the request never is.
   */
  check(conversation: Conversation): readonly string[]
}

/** Undefined where the description can't be had (see `loadOpenApiDescription`). */
export function loadConformance(): Conformance | undefined {
  const description = loadOpenApiDescription()
  return description === undefined ? undefined : createConformance(description)
}

/** Checks everything that passes; `stop` ends that and answers the violations, each with its request. */
export function watchConformance(
  github: { observe(listener: (observation: Observation) => void): () => void },
  conformance: Conformance,
): { stop(): readonly string[] } {
  const violations: string[] = []
  const stop = github.observe((observation) => {
    const { method, route, path, status } = observation
    for (const violation of conformance.check(observation)) {
      violations.push(`${method} ${route ?? path} ${status}: ${violation}`)
    }
  })
  return {
    stop() {
      stop()
      return violations
    },
  }
}

function createConformance(description: OpenApiDescription): Conformance {
  const ajv = new Ajv({ strict: false, allErrors: true, formats: FORMATS })
  ajv.addSchema({ $id: 'github', components: { schemas: mapValues(description.components.schemas, closedSchema) } })
  const validators = new Map<OpenApiSchema, ValidateFunction>()

  const faults = (schema: OpenApiSchema, body: unknown): readonly string[] => {
    const validate = validators.get(schema) ?? ajv.compile(closedSchema(schema))
    validators.set(schema, validate)
    // What is sent is JSON: a member that is undefined does not exist.
    if (validate(body === undefined ? undefined : JSON.parse(JSON.stringify(body)))) return []
    return (validate.errors ?? []).map(({ instancePath, message, params }) => {
      return `${instancePath || '(body)'} ${message} ${JSON.stringify(params)}`
    })
  }
  const dereferenced = <T>(value: T | Reference, kind: 'responses' | 'parameters'): T => {
    if (typeof value !== 'object' || value === null || !('$ref' in value)) return value as T
    return description.components[kind][value.$ref.split('/').at(-1) ?? ''] as T
  }

  const checkRequest = (operation: OpenApiOperation, { query, requestBody }: Conversation): readonly string[] => {
    const known = (operation.parameters ?? []).map((parameter) => dereferenced(parameter, 'parameters'))
    const unknown = [...new URLSearchParams(query).keys()].filter(
      (name) => !known.some((parameter) => parameter.in === 'query' && parameter.name === name),
    )
    const strays = unknown.map((name) => `request: there is no query parameter "${name}"`)
    if (requestBody === undefined) return strays
    if (typeof requestBody === 'symbol') return [...strays, 'request: the body is no JSON']
    const schema = operation.requestBody?.content?.['application/json']?.schema
    if (schema === undefined) return [...strays, 'request: this operation takes no body']
    return [...strays, ...faults(schema, requestBody).map((fault) => `request: ${fault}`)]
  }

  const checkAnswer = (
    operation: OpenApiOperation,
    { status, route, responseBody }: Conversation,
  ): readonly string[] => {
    if (status === undefined) return []
    const documented = operation.responses[String(status)]
    if (documented === undefined && !isUndocumented(status, route))
      return [`answer: the status ${status} is not described`]
    const content = documented === undefined ? errorContent(status) : dereferenced(documented, 'responses').content
    const schema = content?.['application/json']?.schema
    if (schema === undefined) return responseBody === undefined ? [] : ['answer: this status has no body']
    return faults(schema, status < 400 ? responseBody : withoutStatus(responseBody)).map((fault) => `answer: ${fault}`)
  }

  return {
    check(conversation) {
      const { method, route = '', fault } = conversation
      const operation = description.paths[route]?.[method.toLowerCase()]
      if (operation === undefined) return [`request: ${method} ${route} is no operation of GitHub's`]
      const answer = fault === undefined ? checkAnswer(operation, conversation) : []
      return [...checkRequest(operation, conversation), ...answer]
    },
  }
}

/** Statuses that GitHub answers although its description lacks them, with the place that says so. */
const UNDOCUMENTED: readonly { readonly status: number; readonly routes: RegExp; readonly source: string }[] = [
  {
    status: 401,
    routes: /./,
    source:
      'docs.github.com/rest/using-the-rest-api/troubleshooting-the-rest-api: "401 Unauthorized" for any bad credential',
  },
  {
    status: 403,
    routes: /./,
    source: 'docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api: a rate limit, on any route',
  },
  {
    status: 404,
    routes: /^\/(orgs\/\{org\}|users\/\{username\})\/installation$|\/pulls\/\{pull_number\}\/files$|\/check-runs/,
    source:
      'docs.github.com/rest/using-the-rest-api/troubleshooting-the-rest-api: "404 Not Found" for what is not there',
  },
  {
    status: 400,
    routes: /access_tokens$/,
    source: 'docs.github.com/rest/using-the-rest-api/troubleshooting-the-rest-api: "Problems parsing JSON"',
  },
  {
    status: 422,
    routes: /\/check-runs/,
    source:
      'docs.github.com/rest/using-the-rest-api/troubleshooting-the-rest-api: "Validation failed", "Invalid request"',
  },
  {
    status: 301,
    routes: /^\/repos\//,
    source: 'docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api: "Follow redirects"',
  },
]

function isUndocumented(status: number | undefined, route = ''): boolean {
  return UNDOCUMENTED.some((entry) => entry.status === status && entry.routes.test(route))
}

/** What GitHub describes for such an error wherever it describes one. */
function errorContent(status: number): OpenApiContent {
  const name = status === 422 ? 'validation-error' : 'basic-error'
  return { 'application/json': { schema: { $ref: `#/components/schemas/${name}` } } }
}

/** GitHub sends `status` with every error; only its `basic-error` describes it. */
function withoutStatus(body: unknown): unknown {
  if (typeof body !== 'object' || body === null) return body
  const { status: _, ...rest } = body as Readonly<Record<string, unknown>>
  return rest
}

const FORMATS = {
  uri: (text: string) => URL.canParse(text),
  'date-time': /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/,
  int64: true,
  email: true,
  date: true,
  'uri-template': true,
} as const

function mapValues<T>(record: Readonly<Record<string, T>>, map: (value: T) => T): Record<string, T> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]))
}
