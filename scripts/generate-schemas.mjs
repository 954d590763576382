// Makes src/gen/documents.ts (types) and src/gen/validators.cjs (checks) from the JSON Schemas in schemas/.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { Ajv2020 } from 'ajv/dist/2020.js'
import standalone from 'ajv/dist/standalone/index.js'
import { compile } from 'json-schema-to-typescript'

const DOCUMENTS = {
  TrustPolicyDocument: 'trust-policy',
  OrganizationPolicyDocument: 'organization-policy',
  TrustedIssuersDocument: 'trusted-issuers',
  ConfigurationDocument: 'configuration',
}

const schemas = Object.values(DOCUMENTS).map((name) => JSON.parse(readFileSync(`schemas/${name}.json`, 'utf8')))
mkdirSync('src/gen', { recursive: true })
writeFileSync('src/gen/documents.ts', await documentTypes())
writeFileSync('src/gen/validators.cjs', validators())
writeFileSync('src/gen/validators.d.cts', validatorTypes())

async function documentTypes() {
  const types = []
  for (const [index, title] of Object.keys(DOCUMENTS).entries()) {
    // What no TypeScript type can say ("exactly one of") would only turn the document into a union of near copies.
    const { $id, $defs, allOf, anyOf, properties, ...shape } = schemas[index]
    const schema = { ...shape, title, properties: inlined(properties, schemas[index]) }
    types.push(await compile(schema, title, { bannerComment: '', format: false, ignoreMinAndMaxItems: true }))
  }
  return types.join('\n')
}

/** Titles and references would become named types: a dozen aliases of `string`, and the same ones in each document. */
function inlined(value, schema) {
  if (Array.isArray(value)) return value.map((item) => inlined(item, schema))
  if (typeof value !== 'object' || value === null) return value
  const { title: _title, allOf: _conditions, $ref, ...rest } = value
  if ($ref !== undefined) return inlined({ ...referred($ref, schema), ...rest }, schema)
  return Object.fromEntries(Object.entries(rest).map(([name, member]) => [name, inlined(member, schema)]))
}

/** What a JSON Pointer in a URI fragment (`#/$defs/pattern`) points to. */
function referred($ref, schema) {
  return $ref
    .split('/')
    .slice(1)
    .reduce((at, name) => at[name], schema)
}

function validators() {
  const ajv = new Ajv2020({
    schemas,
    allErrors: true,
    strict: true,
    strictRequired: false,
    code: { source: true, lines: true },
  })
  const exported = Object.entries(DOCUMENTS).map(([title, name]) => [
    `is${title}`,
    `https://octo-sts.dev/schemas/${name}.json`,
  ])
  return standalone.default(ajv, Object.fromEntries(exported))
}

function validatorTypes() {
  const titles = Object.keys(DOCUMENTS)
  return [
    `import type { ${titles.join(', ')} } from './documents.js'`,
    'export interface SchemaFault {',
    '  readonly instancePath: string',
    '  readonly keyword: string',
    '  readonly params: Readonly<Record<string, unknown>>',
    '}',
    'export interface Validator<T> {',
    '  (data: unknown): data is T',
    '  /** Of the last call. */',
    '  readonly errors?: readonly SchemaFault[] | null',
    '}',
    ...titles.map((title) => `export declare const is${title}: Validator<${title}>`),
    '',
  ].join('\n')
}
