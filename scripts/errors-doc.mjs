// Writes docs/errors.md from the table of src/wire/status.ts, as it was built. With --check it only compares, and fails
// when the file is not what the table says.
import { readFileSync, writeFileSync } from 'node:fs'
import { errorsDocument } from '../dist/src/wire/errors-document.js'

const file = new URL('../docs/errors.md', import.meta.url)
const text = errorsDocument()
if (!process.argv.includes('--check')) writeFileSync(file, text)
else if (readFileSync(file, 'utf8') !== text) {
  console.error('docs/errors.md is not what src/wire/status.ts says: run node scripts/errors-doc.mjs')
  process.exitCode = 1
}
