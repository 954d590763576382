import { expect, test } from '@jest/globals'
import { leavesHeapToV8 } from '../../src/config/heap-choice.ts'

test.each<[Record<string, string>, string[], boolean]>([
  [{}, [], false],
  [{ SMALL_HEAP: 'true' }, [], false],
  [{ SMALL_HEAP: '' }, [], false],
  // What is wrong stops the start soon after.
  [{ SMALL_HEAP: 'never' }, [], false],
  [{ SMALL_HEAP: 'false' }, [], true],
  [{ SMALL_HEAP: '0' }, [], true],
  [{ NODE_OPTIONS: '--enable-source-maps' }, ['--import', 'x'], false],
  [{ NODE_OPTIONS: '--max-old-space-size=300' }, [], true],
  [{ NODE_OPTIONS: '--enable-source-maps --max_semi_space_size=16' }, [], true],
  [{}, ['--max-heap-size=200'], true],
  [{ SMALL_HEAP: 'true' }, ['--optimize-for-size'], true],
])('%j with %j', (env, nodeArguments, expected) => {
  expect(leavesHeapToV8(env, nodeArguments)).toBe(expected)
})
