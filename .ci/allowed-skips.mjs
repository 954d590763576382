import { readFileSync } from 'node:fs'

/** The tests that CI may skip: lines of `full name of the test :: reason`; an entry without a reason is an error. */
export function allowedSkips(file) {
  const lines = readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.startsWith('#'))
  return new Map(
    lines.map((line) => {
      const cut = line.lastIndexOf(' :: ')
      if (cut < 1) throw new Error(`${file}: ${JSON.stringify(line)} has no reason`)
      return [line.slice(0, cut), line.slice(cut + 4)]
    }),
  )
}
