// Copies what tsc does not: generated files in src/gen that are no TypeScript.
import { cpSync, existsSync } from 'node:fs'

if (existsSync('src/gen')) {
  cpSync('src/gen', 'dist/src/gen', {
    recursive: true,
    filter: (path) => !path.endsWith('.ts') || path.endsWith('.d.ts'),
  })
}
