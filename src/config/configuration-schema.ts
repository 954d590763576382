import { plainText } from './configuration-document.ts'
import { fileKey, type JsonSchema, type Kind } from './variable.ts'
import { VARIABLES } from './variable-table.ts'

/** schemas/configuration.json: the JSON Schema of `CONFIG_FILE`, for editors and for the check at start. */
export function configurationSchema(): JsonSchema {
  const properties = Object.entries(VARIABLES)
    .filter(([, variable]) => !('environmentOnly' in variable))
    .map(([name, { kind, about, ...variable }]) => [
      fileKey(name),
      {
        title: name,
        description: `${capitalised(plainText(about))}.${'default' in variable ? ` Default: ${variable.default}.` : ''}`,
        ...schemaOf(kind),
      },
    ])
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: 'https://octo-sts.dev/schemas/configuration.json',
    title: 'Configuration',
    description: 'The settings of a deployment: the file that CONFIG_FILE names. What the environment sets wins.',
    type: 'object',
    additionalProperties: false,
    properties: Object.fromEntries(properties),
  }
}

function schemaOf({ form, schema }: Pick<Kind<unknown, never>, 'form' | 'schema'>): JsonSchema {
  const empty = { const: '' }
  if (form === 'text') {
    // An empty value is as if it were not there.
    return schema['type'] === 'string' ? schema : { anyOf: [schema, empty] }
  }
  const list = [{ type: 'string' }, { type: 'integer' }, { type: 'array', items: schema }]
  if (form === 'list') return { anyOf: list }
  return { anyOf: [...list, { type: 'object', additionalProperties: { enum: ['read', 'write', 'admin'] } }] }
}

function capitalised(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`
}
