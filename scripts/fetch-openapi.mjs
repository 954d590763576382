// Gets GitHub's OpenAPI description into .cache/, for the tests that hold the sandbox against it. The package unpacks to
// 385 MB, of which one file is needed: so it is no dependency, and only that file is extracted.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'

const PACKAGE = '@octokit/openapi@23'
const MEMBER = 'package/generated/api.github.com.json'
const TARGET = '.cache/api.github.com.json'

if (!existsSync(TARGET) || process.argv.includes('--fresh')) {
  mkdirSync('.cache', { recursive: true })
  // Unpacked aside and then renamed, so that a broken download never looks like a description.
  const work = mkdtempSync(join('.cache', 'openapi-'))
  try {
    const options = { cwd: work, stdio: ['ignore', 'pipe', 'inherit'], encoding: 'utf8' }
    const archive = execFileSync('npm', ['pack', '--silent', PACKAGE], options).trim()
    execFileSync('tar', ['-xzf', archive, MEMBER], options)
    renameSync(join(work, MEMBER), TARGET)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}
