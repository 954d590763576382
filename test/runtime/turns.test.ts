import { setImmediate } from 'node:timers/promises'
import { describe, expect, test } from '@jest/globals'
import { inTurns } from '../../src/runtime/turns.ts'
import { finish, type Steps } from '../../src/terms/steps.ts'

/** Work of so many steps, which notes in which turn of the event loop each was done. */
function counted(steps: number) {
  const turns: number[] = []
  let turn = 0
  let isOver = false
  const clockwork = (async () => {
    for (; !isOver; turn += 1) await setImmediate()
  })()
  function* work(): Steps<string> {
    for (let step = 1; step < steps; step += 1) {
      turns.push(turn)
      yield
    }
    turns.push(turn)
    return 'done'
  }
  const stop = () => {
    isOver = true
    return clockwork
  }
  return { work: work(), turns, stop }
}

describe('work in turns', () => {
  test('others have a turn between any two steps', async () => {
    const { work, turns, stop } = counted(5)
    expect(await inTurns(work)).toBe('done')
    await stop()
    expect(turns).toHaveLength(5)
    expect(new Set(turns).size).toBe(5)
  })

  test('of one step is done at once', async () => {
    const { work, turns, stop } = counted(1)
    expect(inTurns(work)).toBe('done')
    await stop()
    expect(turns).toEqual([0])
  })

  test('is given up when nobody waits any more', async () => {
    const { work, turns, stop } = counted(1_000_000)
    const leaving = new AbortController()
    const outcome = inTurns(work, leaving.signal)
    const gone = new Error('gone')
    leaving.abort(gone)
    await expect(outcome).rejects.toBe(gone)
    await stop()
    expect(turns).toHaveLength(1)
  })

  test('throws what a step throws', async () => {
    function* failing(): Steps<never> {
      yield
      throw new Error('no')
    }
    await expect(inTurns(failing())).rejects.toThrow('no')
    expect(() => finish(failing())).toThrow('no')
  })
})

test('finished at once, it takes no turn', () => {
  const { work, turns, stop } = counted(5)
  expect(finish(work)).toBe('done')
  expect(turns).toEqual([0, 0, 0, 0, 0])
  return stop()
})
