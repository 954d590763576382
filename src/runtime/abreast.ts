/**
 * Resolves once the event loop has heard what else there is to hear now. Who waits for it goes on together with all who
 * came meanwhile, so that each step up to the next `await` is done for all of them in a row: code that is in the
 * processor's caches takes half the time, which is worth more than any line that could be left out. Who comes alone
 * waits for nothing: the turn ends when the loop has looked around once.
 *
 * At most 64 go on together, or fewer whose work weighs as much as that of 64, so that a crowd does not hold up the loop:
 * the others have the turns that follow.
 */
export function gathered(weight = 1): Promise<void> {
  const last = turns.at(-1)
  if (last !== undefined && last.weight < MOST_TOGETHER) {
    last.weight += weight
    return last.begun
  }
  let begin = (): void => {}
  const begun = new Promise<void>((resolve) => {
    begin = resolve
  })
  turns.push({ begun, begin, weight })
  if (turns.length === 1) setImmediate(beginNext)
  return begun
}

/** Does the work of a call in the turn that follows it. */
export function abreast<Args extends readonly unknown[], Result>(
  work: (...args: Args) => Promise<Result>,
): (...args: Args) => Promise<Result> {
  return async (...args) => {
    await gathered()
    return work(...args)
  }
}

interface Turn {
  readonly begun: Promise<void>
  readonly begin: () => void
  weight: number
}

function beginNext(): void {
  turns.shift()?.begin()
  if (turns.length > 0) setImmediate(beginNext) // after the loop has looked around again
}

const turns: Turn[] = []
const MOST_TOGETHER = 64
