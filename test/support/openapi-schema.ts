import type { OpenApiSchema } from './openapi-description.ts'

/**
 * A schema of OpenAPI 3.0 as JSON Schema for ajv: `nullable` becomes a union with null (it stands beside `anyOf` in
 * GitHub's description, without a type, which ajv refuses), references lead to the schema named `github`, and objects
 * that list their members have no others.
 */
export function closedSchema(described: OpenApiSchema): OpenApiSchema {
  const schema = withoutErratum(described)
  const { nullable, ...rest } = Object.fromEntries(
    Object.entries(schema).map(([key, value]) => [key, convert(key, value)]),
  )
  const closed = isClosable(rest) ? { ...rest, additionalProperties: false } : rest
  return nullable === true ? { anyOf: [closed, { type: 'null' }] } : closed
}

/** The account in "List installations" is described as a user and an enterprise at once; everywhere else it is either. */
function withoutErratum({ allOf, ...rest }: OpenApiSchema): OpenApiSchema {
  if (!Array.isArray(allOf)) return rest
  const titles = allOf.map(({ title }) => title).join()
  return { ...rest, [titles === 'Simple User,Enterprise' ? 'anyOf' : 'allOf']: allOf }
}

function convert(keyword: string, value: unknown): unknown {
  switch (keyword) {
    case '$ref':
      return `github${value}`
    case 'properties':
      return Object.fromEntries(
        Object.entries(asSchema(value)).map(([name, one]) => [name, closedSchema(asSchema(one))]),
      )
    case 'anyOf':
    case 'oneOf':
      return (value as readonly OpenApiSchema[]).map(closedSchema)
    case 'allOf': // closing one part would refuse the members of the others
      return (value as readonly OpenApiSchema[]).map((part) => ({ ...closedSchema(part), additionalProperties: true }))
    case 'items':
      return closedSchema(asSchema(value))
    case 'additionalProperties':
      return typeof value === 'boolean' ? value : closedSchema(asSchema(value))
    default:
      return value
  }
}

function isClosable(schema: OpenApiSchema): boolean {
  return 'properties' in schema && !('additionalProperties' in schema)
}

function asSchema(value: unknown): OpenApiSchema {
  return value as OpenApiSchema
}
