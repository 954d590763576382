import { readFileSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { configurationDocument } from '../../src/config/configuration-document.ts'
import { configurationSchema } from '../../src/config/configuration-schema.ts'
import { VARIABLES } from '../../src/config/variable-table.ts'
import { GOOD, problems } from './read.ts'

test('docs/configuration.md is what the table says: node scripts/config-doc.mjs', () => {
  expect(readFileSync('docs/configuration.md', 'utf8')).toBe(configurationDocument())
})

test('schemas/configuration.json is what the table says: node scripts/config-doc.mjs', () => {
  expect(JSON.parse(readFileSync('schemas/configuration.json', 'utf8'))).toEqual(configurationSchema())
})

test('the page has every variable, and no other', () => {
  const rows = configurationDocument().matchAll(/^\| `([A-Z][A-Z0-9_]+)` /gm)
  const names = [...rows].map((match) => match[1] ?? '').filter((name) => name !== 'KMS_PROVIDER')
  expect(names.sort()).toEqual(
    Object.keys(VARIABLES)
      .filter((name) => name !== 'KMS_PROVIDER')
      .sort(),
  )
})

describe('an editor with the schema and the start agree', () => {
  const validate = new Ajv2020({ strict: true }).compile(configurationSchema())
  test.each<readonly [Record<string, unknown>, boolean]>([
    [{}, true],
    [{ port: 8443 }, true],
    [{ port: '8443' }, true],
    [{ port: '' }, true],
    [{ port: 65_536 }, false],
    [{ port: 'http' }, false],
    [{ port: [1] }, false],
    [{ prot: 1 }, false],
    [{ config_file: '/x' }, false],
    [{ metrics: false }, true],
    [{ metrics: 'F' }, true],
    [{ metrics: 'off' }, false],
    [{ shutdown_grace: '1h30m' }, true],
    [{ shutdown_grace: 0 }, true],
    [{ shutdown_grace: '10' }, false],
    [{ log_level: 'warn' }, true],
    [{ log_level: 'warning' }, false],
    [{ octosts_sticky_store: 'firestore' }, false],
    [{ allowed_owners: ['acme', 'example'] }, true],
    [{ allowed_owners: 'acme,example' }, true],
    [{ allowed_owners: { acme: 'x' } }, false],
    [{ allowed_owners: [['acme']] }, false],
    [{ policy_sources: ['repository'] }, true],
    [{ policy_sources: ['repo'] }, false],
    [{ max_permissions: { contents: 'write' } }, true],
    [{ max_permissions: ['contents:write'] }, true],
    [{ max_permissions: 'contents:write' }, true],
    [{ max_permissions: { contents: 'all' } }, false],
    [{ max_permissions: ['contents'] }, false],
  ])('%j: %s', (document, valid) => {
    expect(validate(document)).toBe(valid)
    expect(problems({ ...GOOD, CONFIG_FILE: '/c' }, { '/c': JSON.stringify(document) }).length === 0).toBe(valid)
  })
})
