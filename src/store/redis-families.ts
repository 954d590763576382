import type { RefreshFamilies, Standing } from '../exchange/stores.ts'
import { wholeGeneration, wholeLife } from './checks.ts'
import { type Script, type Steps, script } from './redis-steps.ts'
import type { Grace } from './standing.ts'

/**
 * Families as hashes with the fields `generation`, `advanced` (ms since 1970 by the server's TIME), `handouts`, `revoked`.
 * Each step is one script on one key, and only `begin` (and `revoke` of an unknown family) sets an end.
 */
export function createRedisFamilies({ run }: Steps, { graceMs, handouts }: Grace): RefreshFamilies {
  const judge = (step: Script, family: string, generation: number) =>
    run(step, [keyOf(family)], [wholeGeneration(generation), graceMs, handouts]) as Promise<Standing>
  return {
    async begin(family, lifeMs) {
      const startedAtMs = await run(BEGIN, [keyOf(family)], [wholeLife(lifeMs)])
      if (typeof startedAtMs !== 'number') throw new Error('a refresh family was begun twice')
      return { startedAtMs }
    },
    standing: async (family, generation) => judge(STANDING, family, generation),
    advance: async (family, generation) => judge(ADVANCE, family, generation),
    async revoke(family, lifeMs) {
      await run(REVOKE, [keyOf(family)], [wholeLife(lifeMs)])
    },
  }
}

function keyOf(family: string): string {
  return `octo-sts:family:${family}`
}

/** Milliseconds since 1970 by the server's clock. */
export const NOW = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
`

const BEGIN = script(`${NOW}
if redis.call('EXISTS', KEYS[1]) == 1 then return false end
redis.call('HSET', KEYS[1], 'generation', 0, 'advanced', now, 'handouts', 1)
redis.call('PEXPIREAT', KEYS[1], now + ARGV[1])
return now
`)

/** The same as `standingOf` in standing.ts. */
const JUDGE = `${NOW}
local asked = tonumber(ARGV[1])
local family = redis.call('HMGET', KEYS[1], 'generation', 'advanced', 'handouts', 'revoked')
local current = tonumber(family[1])
local function judge()
  if family[4] then return 'revoked' end
  if not current then return 'unknown' end
  if asked > current then return 'ahead' end
  if asked == current then return 'current' end
  local inGrace = math.abs(now - tonumber(family[2])) <= tonumber(ARGV[2])
  if asked ~= current - 1 or not inGrace then return 'reused' end
  if tonumber(family[3]) < tonumber(ARGV[3]) then return 'repeat' end
  return 'exhausted'
end
local standing = judge()
`

/**
 * A server that is full refuses every write but a deletion. A family that is to be revoked is deleted then: unknown, it is
 * refused as well.
 */
const REVOKE_KNOWN = `
local function revokeKnown()
  local reply = redis.pcall('HSET', KEYS[1], 'revoked', 1)
  if type(reply) == 'table' and reply.err then redis.call('DEL', KEYS[1]) end
end
`

const STANDING = script(`${JUDGE}
return standing
`)

const ADVANCE = script(`${JUDGE}${REVOKE_KNOWN}
if standing == 'current' then
  redis.call('HSET', KEYS[1], 'generation', asked + 1, 'advanced', now, 'handouts', 1)
elseif standing == 'repeat' then
  redis.call('HINCRBY', KEYS[1], 'handouts', 1)
elseif standing == 'reused' then
  revokeKnown()
end
return standing
`)

const REVOKE = script(`${REVOKE_KNOWN}
if redis.call('HEXISTS', KEYS[1], 'generation') == 1 then
  revokeKnown()
else
  redis.call('HSET', KEYS[1], 'revoked', 1)
  if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[1]) then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
end
return true
`)
