// count-jest.mjs REPORT ALLOWED: prints "PASSED FAILED", then a line for each failure. A skipped test has failed, unless
// ALLOWED names it with a reason.
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { allowedSkips } from './allowed-skips.mjs'

const [reportFile, allowedFile] = process.argv.slice(2)
const report = JSON.parse(readFileSync(reportFile, 'utf8'))
const allowed = allowedSkips(allowedFile)
const failures = []
let passed = 0
for (const suite of report.testResults) {
  const file = basename(suite.name)
  if (suite.status === 'failed' && suite.assertionResults.length === 0) failures.push(`${file}: does not load`)
  for (const { status, fullName } of suite.assertionResults) {
    if (status === 'passed') passed += 1
    else if (status === 'failed') failures.push(`${file}: ${fullName}`)
    else if (!allowed.has(fullName)) failures.push(`${file}: ${fullName} (${status}, and not in .ci/allowed-skips.txt)`)
  }
}
if (report.testResults.length === 0) failures.push('no test was found')
if (!report.success && failures.length === 0) failures.push('jest failed without naming a test')
console.log([`${passed} ${failures.length}`, ...failures].join('\n'))
