import { expect, test } from '@jest/globals'
import { LRUCache } from 'lru-cache'
import { atMost } from '../../src/runtime/at-most.ts'

test('so many entries stay, and the least used goes', () => {
  const cache = new LRUCache<string, { readonly n: number }>(atMost(2))
  cache.set('a', { n: 1 })
  cache.set('b', { n: 2 })
  cache.get('a')
  cache.set('c', { n: 3 })
  expect([...cache.keys()].sort()).toEqual(['a', 'c'])
})
