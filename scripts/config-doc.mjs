// Writes docs/configuration.md and schemas/configuration.json from the table of src/config/variable-table.ts, as it was built.
// With --check it only compares, and fails when a file is not what the table says. The build makes code of the schema:
// after a change of the table build, run this, and build again.
import { readFileSync, writeFileSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import { configurationDocument } from '../dist/src/config/configuration-document.js'
import { configurationSchema } from '../dist/src/config/configuration-schema.js'

const FILES = [
  { name: 'docs/configuration.md', text: configurationDocument(), read: (text) => text },
  // How JSON is laid out is the formatter's business.
  { name: 'schemas/configuration.json', text: `${JSON.stringify(configurationSchema(), null, 2)}\n`, read: JSON.parse },
]

for (const { name, text, read } of FILES) {
  const file = new URL(`../${name}`, import.meta.url)
  const isCurrent = isDeepStrictEqual(read(readFileSync(file, 'utf8')), read(text))
  if (isCurrent) continue
  if (process.argv.includes('--check')) {
    console.error(`${name} is not what src/config/variable-table.ts says: run node scripts/config-doc.mjs`)
    process.exitCode = 1
  } else writeFileSync(file, text)
}
