import { execFileSync } from 'node:child_process'
import { accessSync, constants, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** A Node.js that a measured process may run on. */
export interface NodeBinary {
  readonly path: string
  /** As `node --version` says it. */
  readonly version: string
}

export interface NodeBinaries {
  readonly found: readonly NodeBinary[]
  /** A sentence about each that is not there. */
  readonly missing: readonly string[]
}

/** Those that .ci/run tests on. */
export const RELEASES = [20, 22, 24] as const

/** The named ones; a text is what is wrong with them. */
export function namedNodes(paths: readonly string[]): NodeBinaries | string {
  const found: NodeBinary[] = []
  for (const path of paths) {
    const version = versionOf(path)
    if (version === undefined) return `--node ${path} cannot be run, or is no Node.js`
    if (version === process.version || found.some((one) => one.version === version))
      return `--node ${path} is ${version}, which is measured already`
    found.push({ path, version })
  }
  return { found, missing: [] }
}

/** The other releases that the project runs on, which npm ships as packages: as .ci/run has them, or installed now. */
export function otherReleases(): NodeBinaries {
  const found: NodeBinary[] = []
  const missing: string[] = []
  for (const release of RELEASES.filter((one) => !process.version.startsWith(`v${one}.`))) {
    const outcome = findRelease(release, packageOf(process.platform, process.arch))
    if (typeof outcome === 'string') missing.push(outcome)
    else found.push(outcome)
  }
  return { found, missing }
}

/** undefined: npm has none that this project relies on. */
export function packageOf(platform: string, arch: string): string | undefined {
  return platform === 'linux' && (arch === 'x64' || arch === 'arm64') ? `node-linux-${arch}` : undefined
}

function findRelease(release: number, name: string | undefined): NodeBinary | string {
  if (name === undefined)
    return `Node.js ${release} was skipped: only of Linux, x64 and arm64, it is installed from npm`
  const prefix = fileURLToPath(new URL(`../../.cache/node${release}`, import.meta.url))
  const path = join(prefix, 'node_modules', name, 'bin', 'node')
  if (!isExecutable(path)) install(`${name}@${release}`, prefix)
  const version = versionOf(path)
  return version === undefined
    ? `Node.js ${release} was skipped: it could not be installed from npm`
    : { path, version }
}

function install(what: string, prefix: string): void {
  process.stderr.write(`${what} is installed from npm\n`)
  mkdirSync(prefix, { recursive: true })
  const args = ['install', '--no-audit', '--no-fund', '--silent', '--no-save', '--prefix', prefix, what]
  try {
    execFileSync('npm', args, { stdio: ['ignore', 'ignore', 'inherit'], timeout: INSTALL_LIMIT_MS })
  } catch {
    // Without a network for instance: whoever looks for it says that it is not there.
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

function versionOf(path: string): string | undefined {
  try {
    const said = execFileSync(path, ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
    return /^v\d+\.\d+\.\d+/.test(said) ? said : undefined
  } catch {
    return undefined
  }
}

const INSTALL_LIMIT_MS = 120_000
