/** A CPU profile as V8's inspector gives it, as far as it is read here. */
interface Profile {
  readonly nodes: readonly { readonly id: number; readonly callFrame: CallFrame }[]
  /** Ids of nodes, and the microseconds since the sample before. */
  readonly samples?: readonly number[]
  readonly timeDeltas?: readonly number[]
}

interface CallFrame {
  readonly functionName: string
  readonly url: string
  readonly lineNumber: number
}

const SHOWN = 25

/** The functions in which the main thread spent most of its time themselves, as lines of text; idle time does not count. */
export function hottest({ nodes, samples = [], timeDeltas = [] }: Profile): string {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]))
  const spent = new Map<string, number>()
  let busy = 0
  for (const [index, id] of samples.entries()) {
    const frame = frames.get(id)
    const micros = timeDeltas[index] ?? 0
    if (frame === undefined || frame.functionName === '(idle)') continue
    const name = `${frame.functionName || '(anonymous)'} ${placeOf(frame)}`
    spent.set(name, (spent.get(name) ?? 0) + micros)
    busy += micros
  }
  return [...spent]
    .sort(([, left], [, right]) => right - left)
    .slice(0, SHOWN)
    .map(([name, micros]) => `${((100 * micros) / busy).toFixed(1).padStart(5)} %  ${name}`)
    .join('\n')
}

function placeOf({ url, lineNumber }: CallFrame): string {
  const file = url.replace(/^.*\/(?=node_modules\/|dist\/)/, '')
  return file === '' ? '' : `${file}:${lineNumber + 1}`
}
