import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { createAnswerRoom } from '../../src/github/answer-room.ts'

/** Answers of so many pieces, each of which is one unit; the result of each step names those that may go on. */
function readers(lengths: readonly number[], room: number) {
  const { take, leave } = createAnswerRoom(room)
  const state = { held: 0, most: 0, done: [] as number[] }
  const answers = lengths.map((length, index) => {
    let read = 0
    const answer = {
      isPaused: false,
      resume() {
        answer.isPaused = false
      },
      /** Reads a piece, or is over with the last one. */
      step() {
        if (answer.isPaused || read > length) return
        read += 1
        if (read > length) {
          state.held -= length
          state.done.push(index)
          leave(answer)
          return
        }
        state.held += 1
        state.most = Math.max(state.most, state.held)
        answer.isPaused = !take(answer, 1)
      },
    }
    return answer
  })
  return { answers, state }
}

test('beyond the room only the first goes on, and when it is done the next', async () => {
  const { answers, state } = readers([5, 5, 5], 4)
  const turn = async () => {
    for (const answer of answers) answer.step()
    await undefined
    return answers.map(({ isPaused }) => isPaused)
  }
  expect(await turn()).toEqual([false, false, false])
  expect(await turn()).toEqual([false, true, true])
  for (let turns = 0; turns < 3; turns += 1) expect(await turn()).toEqual([false, true, true])
  expect(await turn()).toEqual([false, false, true])
  expect(state).toMatchObject({ done: [0], most: 9 })
})

test('each is done some time, and together they take no more than the room and the largest of them', async () => {
  const cases = fc.tuple(fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 12 }), fc.nat(15))
  await fc.assert(
    fc.asyncProperty(cases, fc.array(fc.nat(11), { maxLength: 50 }), async ([lengths, room], order) => {
      const { answers, state } = readers(lengths, room)
      for (const index of order) {
        answers[index % answers.length]?.step()
        await undefined
      }
      for (let turn = 0; turn < 300 && state.done.length < lengths.length; turn += 1) {
        for (const answer of answers) answer.step()
        await undefined
      }
      expect(state.done.toSorted((a, b) => a - b)).toEqual(lengths.map((_, index) => index))
      // One more piece of each was under way when the room was full.
      expect(state.most).toBeLessThanOrEqual(room + Math.max(...lengths) + lengths.length)
    }),
  )
})
