import { expect, test } from '@jest/globals'
import { publishedLevels, publishedNames } from '../../src/terms/permissions.ts'
import { loadOpenApiDescription } from '../support/openapi-description.ts'

/** Undefined where GitHub's description can't be had; the support says so, and fails in CI. */
const description = loadOpenApiDescription()
const testWhereHad = description === undefined ? test.skip : test

testWhereHad('the permissions that policies may name are those that GitHub publishes, with the same levels', () => {
  const ours = publishedNames().map((name) => `${name}: ${publishedLevels(name).join(', ')}`)
  const schema = description?.components.schemas['app-permissions']?.['properties']
  const theirs = Object.entries(schema as Readonly<Record<string, { readonly enum: readonly string[] }>>)
  // As sorted lines, so that a failure is a readable difference: a name or a level that one of the two has and the other has not.
  expect(ours.sort()).toEqual(theirs.map(([name, { enum: levels }]) => `${name}: ${levels.join(', ')}`).sort())
})
