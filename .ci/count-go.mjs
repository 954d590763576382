// count-go.mjs REPORT ALLOWED: the same as count-jest.mjs for the lines of `go test -json`.
import { readFileSync } from 'node:fs'
import { allowedSkips } from './allowed-skips.mjs'

const [reportFile, allowedFile] = process.argv.slice(2)
const events = readFileSync(reportFile, 'utf8')
  .split('\n')
  .filter(Boolean)
  .map((line) => JSON.parse(line))
const allowed = allowedSkips(allowedFile)
const failures = []
let passed = 0
for (const { Action: action, Test: name, Package: path, ImportPath: built } of events) {
  if (action === 'build-fail') failures.push(`${built}: does not compile`)
  if (name === undefined) {
    if (action === 'fail' && failures.length === 0) failures.push(`package ${path}`) // else its tests have said it
    continue
  }
  if (action === 'pass') passed += 1
  else if (action === 'fail') failures.push(name)
  else if (action === 'skip' && !allowed.has(name)) failures.push(`${name} (skipped, and not in .ci/allowed-skips.txt)`)
}
if (passed === 0 && failures.length === 0) failures.push('no test was found')
console.log([`${passed} ${failures.length}`, ...failures].join('\n'))
