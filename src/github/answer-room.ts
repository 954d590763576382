/** Room for answers that are being read: all together take no more of it than there is, and what one alone may take. */
export interface AnswerRoom {
  /** Takes room for bytes that are there; false: `answer` is to read no more until it is resumed. */
  take(answer: Resumable, bytes: number): boolean
  /** Gives back all that it took. */
  leave(answer: Resumable): void
}

export interface Resumable {
  resume(): void
}

/** When there is no room, the one that came first goes on alone: so each is done some time. */
export function createAnswerRoom(bytes: number): AnswerRoom {
  const taken = new Map<Resumable, number>()
  const waiting = new Set<Resumable>()
  let free = bytes

  const first = (): Resumable | undefined => taken.keys().next().value

  const goOn = (): void => {
    const next = first()
    if (next !== undefined && waiting.delete(next)) next.resume()
    for (const answer of waiting) {
      if (free <= 0) return
      waiting.delete(answer)
      answer.resume()
    }
  }

  return {
    take(answer, more) {
      taken.set(answer, (taken.get(answer) ?? 0) + more)
      free -= more
      if (free > 0 || answer === first()) return true
      waiting.add(answer)
      return false
    },
    leave(answer) {
      free += taken.get(answer) ?? 0
      taken.delete(answer)
      waiting.delete(answer)
      if (waiting.size > 0) queueMicrotask(goOn) // not from within the reading of another
    },
  }
}
