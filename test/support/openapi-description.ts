import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'

/** The parts of GitHub's OpenAPI 3.0 description that are looked at here. */
export interface OpenApiDescription {
  readonly paths: Readonly<Record<string, Readonly<Record<string, OpenApiOperation>>>>
  readonly components: {
    readonly schemas: Readonly<Record<string, OpenApiSchema>>
    readonly responses: Readonly<Record<string, OpenApiResponse>>
    readonly parameters: Readonly<Record<string, OpenApiParameter>>
  }
}

export interface OpenApiOperation {
  readonly parameters?: readonly (OpenApiParameter | Reference)[]
  readonly requestBody?: { readonly content?: OpenApiContent }
  readonly responses: Readonly<Record<string, OpenApiResponse | Reference>>
}

export interface OpenApiParameter {
  readonly name: string
  readonly in: string
}

export interface OpenApiResponse {
  readonly content?: OpenApiContent
}

export interface Reference {
  readonly $ref: string
}

export type OpenApiContent = Readonly<Record<string, { readonly schema: OpenApiSchema }>>
export type OpenApiSchema = Readonly<Record<string, unknown>>

/**
 * GitHub's own description of its API, fetched into `.cache/` when it is not there. Undefined where it can't be had,
 * which is said; in CI (`CI=true`) that is an error, because nothing would be checked.
 */
export function loadOpenApiDescription(): OpenApiDescription | undefined {
  try {
    if (!existsSync(CACHED)) {
      execFileSync(process.execPath, ['scripts/fetch-openapi.mjs'], { timeout: FETCH_LIMIT_MS, stdio: 'pipe' })
    }
    return JSON.parse(readFileSync(CACHED, 'utf8'))
  } catch (cause) {
    const message = `GitHub's OpenAPI description can't be had: nothing is checked against it. Try "node scripts/fetch-openapi.mjs"`
    if (process.env['CI'] === 'true') throw new Error(message, { cause })
    console.warn(message)
    return undefined
  }
}

const CACHED = '.cache/api.github.com.json'
const FETCH_LIMIT_MS = 120_000
