import { describe, expect, test } from '@jest/globals'
import {
  readApiUrl,
  readBoolean,
  readDomain,
  readDuration,
  readHttpUrl,
  readInteger,
  readOneOf,
  readRepositoryName,
  splitPatterns,
} from '../../src/config/values.ts'

describe('durations have the form of Go', () => {
  test.each([
    ['0', 0],
    ['10s', 10_000],
    ['5m', 300_000],
    ['1h30m', 5_400_000],
    ['1.5s', 1_500],
    ['250ms', 250],
    ['1m0.5s', 60_500],
  ])('%s is %d ms', (text, value) => {
    expect(readDuration(text)).toEqual({ value })
  })
  test.each(['', '5', '-5m', '5 m', '5d', 'm', '1e3s', '1000h', 'five'])('%j is refused', (text) => {
    expect(readDuration(text)).toEqual({ problem: expect.stringMatching(/^must be /) })
  })
})

describe('booleans have the forms of Go', () => {
  test.each([
    ['true', true],
    ['1', true],
    ['T', true],
    ['false', false],
    ['0', false],
    ['False', false],
  ])('%s is %s', (text, value) => {
    expect(readBoolean(text)).toEqual({ value })
  })
  test.each(['yes', 'on', 'tRUE', ''])('%j is refused', (text) => {
    expect(readBoolean(text)).toEqual({ problem: expect.stringMatching(/^must be true or false/) })
  })
})

test.each([
  ['1', { value: 1 }],
  ['65535', { value: 65_535 }],
  ['0', { problem: 'must be a whole number from 1 to 65535, not "0"' }],
  ['65536', { problem: 'must be a whole number from 1 to 65535, not "65536"' }],
  ['8e3', { problem: 'must be a whole number from 1 to 65535, not "8e3"' }],
  ['-1', { problem: 'must be a whole number from 1 to 65535, not "-1"' }],
])('a port of %s', (text, expected) => {
  expect(readInteger(1, 65_535)(text)).toEqual(expected)
})

test('a choice names its choices', () => {
  expect(readOneOf(['none', 'read'])('read')).toEqual({ value: 'read' })
  expect(readOneOf(['none', 'read'])('admin')).toEqual({ problem: 'must be one of none, read, not "admin"' })
})

test.each(['sts.example.com', 'localhost:8080', 'octo-sts.dev'])('%s is a domain', (text) => {
  expect(readDomain(text)).toEqual({ value: text })
})
test.each(['https://sts.example.com', 'a b', 'sts.example.com/', '-x', 'a'.repeat(254)])('%j is no domain', (text) => {
  expect(readDomain(text)).toEqual({ problem: expect.stringMatching(/^must be a host name/) })
})

test.each([
  ['https://api.github.com/', 'https://api.github.com'],
  ['https://github.example.com/api/v3/', 'https://github.example.com/api/v3'],
  ['http://127.0.0.1:4000', 'http://127.0.0.1:4000'],
])('%s is the base of an API', (text, value) => {
  expect(readApiUrl(text)).toEqual({ value })
})
test.each([
  'http://github.example.com',
  'ftp://x',
  'github.example.com',
  'https://u:p@x',
  'https://x/?a',
  'https://x/#a',
])('%s is no base of an API', (text) => {
  expect(readApiUrl(text)).toEqual({ problem: expect.stringMatching(/^must /) })
})

test('an event sink is an http or https URL', () => {
  expect(readHttpUrl('http://sink.internal/in')).toEqual({ value: 'http://sink.internal/in' })
  expect(readHttpUrl('file:///etc/passwd')).toEqual({ problem: 'must be an http or https URL' })
})

test.each([
  ['.github', true],
  ['policies', true],
  ['..', false],
  ['acme/policies', false],
])('%s as the name of the policy repository: %s', (text, good) => {
  expect('value' in readRepositoryName(text)).toBe(good)
})

test('a list keeps the commas of its patterns', () => {
  expect(splitPatterns('https://a.example, https://b.example/[a,b]{1,3},,(x,y)')).toEqual([
    'https://a.example',
    'https://b.example/[a,b]{1,3}',
    '(x,y)',
  ])
})

test.each([
  ['[^(/]+,b', ['[^(/]+', 'b']],
  ['a\\(,b', ['a\\(', 'b']],
  ['a\\),b', ['a\\)', 'b']],
  ['(a\\),b),c', ['(a\\),b)', 'c']],
  ['[]{,]{1,2},b', ['[]{,]{1,2}', 'b']],
  ['[[:alpha:],\\],(],b', ['[[:alpha:],\\],(]', 'b']],
  ['[a,b', ['[a', 'b']],
])('brackets of a list that only look like brackets: %s', (text, entries) => {
  expect(splitPatterns(text)).toEqual(entries)
})
