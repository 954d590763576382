/** Counted from 1; `column` in UTF-16 units, as editors count. */
export interface Place {
  readonly line: number
  readonly column: number
}

/** The place of an offset in a text. Lines end with LF, CRLF or CR (YAML 1.2 §5.4). */
export function placesIn(source: string): (offset: number) => Place {
  let starts: readonly number[] | undefined
  return (offset) => {
    starts ??= lineStarts(source)
    let [low, high] = [0, starts.length - 1]
    while (low < high) {
      const middle = Math.ceil((low + high) / 2)
      if ((starts[middle] ?? 0) <= offset) low = middle
      else high = middle - 1
    }
    return { line: low + 1, column: offset - (starts[low] ?? 0) + 1 }
  }
}

function lineStarts(source: string): readonly number[] {
  const starts = [0]
  for (const lineBreak of source.matchAll(/\r\n|\n|\r/g)) starts.push(lineBreak.index + lineBreak[0].length)
  return starts
}
