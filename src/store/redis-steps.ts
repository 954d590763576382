import { createHash } from 'node:crypto'
import { Denial } from '../terms/denial.ts'
import { CLIENT, type Tracer, UNTRACED } from '../terms/tracer.ts'
import type { RedisClient } from './redis-client.ts'

/** A Lua script that runs as one step, on the keys it is given, which stand in one slot of a cluster. */
export interface Script {
  readonly lua: string
  readonly sha1: string
}

export function script(lua: string): Script {
  return { lua, sha1: createHash('sha1').update(lua).digest('hex') }
}

/** Steps of the store: each ends within its time, and refuses with `STORE_FULL` or `STORE_UNAVAILABLE`. */
export interface Steps {
  run(script: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown>
  ask<T>(command: (client: RedisClient) => Promise<T>): Promise<T>
}

export interface StepNeeds {
  readonly client: RedisClient
  readonly commandMs: number
  /** Told of each refusal. */
  readonly onRefusal?: (denial: Denial) => void
  readonly tracer?: Tracer | undefined
}

export function createSteps({ client, commandMs, onRefusal, tracer = UNTRACED }: StepNeeds): Steps {
  async function ask<T>(command: (client: RedisClient) => Promise<T>): Promise<T> {
    try {
      if (client.status !== 'ready') throw new Error('there is no connection')
      return await tracer.span('store', () => within(commandMs, command(client)), CLIENT)
    } catch (error) {
      const denial = storeDenial(error)
      onRefusal?.(denial)
      throw denial
    }
  }

  return {
    ask,
    run: ({ lua, sha1 }, keys, args) =>
      ask(async () => {
        try {
          return await client.evalsha(sha1, keys.length, ...keys, ...args)
        } catch (error) {
          // A server that was restarted, or became the master, has not seen the script: nothing was done, so it may be sent.
          if (!isReply(error, 'NOSCRIPT')) throw error
          return client.eval(lua, keys.length, ...keys, ...args)
        }
      }),
  }
}

/** What a failure of the client means. The client's own errors carry the arguments of the command: none is passed on. */
function storeDenial(error: unknown): Denial {
  if (error instanceof Denial) return error
  const cause = new Error(error instanceof Error ? error.message : 'the client failed')
  if (isReply(error, 'OOM')) {
    return new Denial(
      'STORE_FULL',
      'the store of this service is full, so nothing new can be remembered: try again later',
      {
        cause,
      },
    )
  }
  return new Denial('STORE_UNAVAILABLE', 'the store of this service did not answer: try again', { cause })
}

/** True for an error reply with this code, its first word; servers before 7.0 put a script's inside a text of their own. */
function isReply(error: unknown, code: string): boolean {
  if (!(error instanceof Error) || error.name !== 'ReplyError') return false
  return error.message.startsWith(`${code} `) || error.message.includes(` -${code} `)
}

/** The answer, or an error after the time. What comes later is not looked at. */
async function within<T>(ms: number, answer: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer in ${ms} ms`)), ms)
  })
  try {
    return await Promise.race([answer, late])
  } finally {
    clearTimeout(timer)
  }
}
