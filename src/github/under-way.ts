/** How much of something is under way, so that closing can wait for it. */
export interface UnderWay {
  begin(): void
  end(): void
  /** Resolves when nothing is under way. */
  settled(): Promise<void>
}

export function createUnderWay(): UnderWay {
  let count = 0
  let waiting: (() => void)[] = []
  return {
    begin() {
      count += 1
    },
    end() {
      count -= 1
      if (count > 0) return
      const leave = waiting
      waiting = []
      for (const go of leave) go()
    },
    async settled() {
      while (count > 0) await new Promise<void>((resolve) => waiting.push(resolve))
    },
  }
}
