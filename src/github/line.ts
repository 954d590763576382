/** So many at once; the others wait in a line. */
export interface Line {
  /** Begins at once or when there is room; the result leaves the line, and does nothing to what has begun. */
  enter(begin: () => void): () => void
  /** One that began has ended. */
  next(): void
}

export function createLine(most: number): Line {
  const waiting = new Set<{ readonly begin: () => void }>()
  let underWay = 0
  return {
    enter(begin) {
      if (underWay < most) {
        underWay += 1
        begin()
        return () => {}
      }
      const entry = { begin }
      waiting.add(entry)
      return () => void waiting.delete(entry)
    },
    next() {
      const [first] = waiting
      if (first === undefined) {
        underWay -= 1
        return
      }
      waiting.delete(first)
      queueMicrotask(first.begin) // not from within the end of another, for a whole line that fails would fill the stack
    },
  }
}
