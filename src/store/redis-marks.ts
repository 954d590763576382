import type { Reservations, RevocationMarks } from '../exchange/stores.ts'
import { digest, wholeLife } from './checks.ts'
import { NOW } from './redis-families.ts'
import { type Steps, script } from './redis-steps.ts'

/** Marks as the milliseconds of their making. They share a slot of a cluster, so that several are read in one round trip. */
export function createRedisMarks({ run, ask }: Steps): RevocationMarks {
  const keyOf = (name: string) => `octo-sts:{mark}:${digest(name)}`
  return {
    async mark(name, lifeMs) {
      await run(MARK, [keyOf(name)], [wholeLife(lifeMs)])
    },
    async markedSince(names, startedAtMs) {
      if (names.length === 0) return false
      const marks = await ask((client) => client.mget(names.map(keyOf)))
      return marks.some((mark) => mark !== null && Number(mark) >= startedAtMs)
    },
  }
}

export function createRedisReservations({ ask }: Steps): Reservations {
  const keyOf = (key: string) => `octo-sts:once:${digest(key)}`
  return {
    reserve: async (key, lifeMs) => {
      const life = wholeLife(lifeMs)
      return (await ask((client) => client.set(keyOf(key), '', 'PX', life, 'NX'))) === 'OK'
    },
    async release(key) {
      await ask((client) => client.del(keyOf(key)))
    },
  }
}

/** Neither the moment nor the end of a mark ever goes back, whatever the server's clock does. */
const MARK = script(`${NOW}
local known = tonumber(redis.call('GET', KEYS[1]) or '0')
local life = math.max(redis.call('PTTL', KEYS[1]), tonumber(ARGV[1]))
redis.call('SET', KEYS[1], string.format('%.0f', math.max(now, known)), 'PX', string.format('%.0f', life))
return true
`)
