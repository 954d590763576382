import type { Affinities } from '../exchange/stores.ts'
import { digest, wholeLife } from './checks.ts'
import { type Steps, script } from './redis-steps.ts'

/** The holder's id under each key, which ends by itself. */
export function createRedisAffinities({ run }: Steps): Affinities {
  const keyOf = (key: string) => `octo-sts:app:${digest(key)}`
  return {
    claim: async (key, appId, lifeMs) => Number(await run(CLAIM, [keyOf(key)], [appId, wholeLife(lifeMs)])),
    async yield(key, appId) {
      await run(YIELD, [keyOf(key)], [appId])
    },
  }
}

const CLAIM = script(`
local holder = redis.call('GET', KEYS[1]) or ARGV[1]
redis.call('SET', KEYS[1], holder, 'PX', ARGV[2])
return holder
`)

const YIELD = script(`
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return true
`)
