import { readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from '@jest/globals'

/**
 * Who may import whom: this table is the architecture. A folder may import itself and what stands behind its name; one
 * that is not named here may not exist. `gen` is what the build generates.
 */
const CORE = ['exchange', 'policy', 'terms']
const EDGE = [...CORE, 'runtime']
const PARTS = ['config', 'oidc', 'keys', 'github', 'wire', 'webhook', 'store', 'audit']
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  // The core does no I/O and reads no clock, environment or randomness: those are arguments.
  terms: [],
  policy: ['terms', 'gen'],
  exchange: ['policy', 'terms'],
  // No edge imports another edge: they meet in compose.ts, through exchange/ports.ts.
  runtime: ['terms'],
  config: [...EDGE, 'gen'],
  oidc: EDGE,
  keys: EDGE,
  github: EDGE,
  wire: [...EDGE, 'gen'],
  webhook: EDGE,
  store: EDGE,
  audit: EDGE,
  // The sandbox must not share what it checks; the client needs nothing of the server.
  sandbox: ['terms', 'runtime'],
  client: [],
  // The trunk: main → commands → compose → everything.
  'compose.ts': [...EDGE, ...PARTS],
  commands: [...EDGE, ...PARTS, 'compose.ts', 'sandbox', 'gen'],
  'main.ts': ['commands'],
}

/** Packages and built-in modules that the core may use; the edges take what they need. */
const CORE_MAY_USE: Readonly<Record<string, readonly string[]>> = {
  terms: [],
  policy: ['js-yaml', 're2js'],
  exchange: ['node:crypto'],
}

/** What only the files at `place` may say: all others get it as an argument, or have no need of it. */
const RESERVED: readonly { readonly name: string; readonly word: RegExp; readonly place: RegExp }[] = [
  { name: 'process.env', word: /\bprocess\s*(?:\.|\[\s*['"])\s*env\b/, place: /^config\// },
  { name: 'the clock', word: /\b(?:Date|performance)\s*\.\s*now\b/, place: /^(?:runtime\/clock\.ts|sandbox\/)/ },
  { name: 'randomness', word: /\brandom(?:UUID|Bytes|Int)?\s*\(/, place: /^(?!terms\/|policy\/|exchange\/)/ },
  { name: 'a timer', word: /\bset(?:Timeout|Interval|Immediate)\s*\(/, place: /^(?!terms\/|policy\/|exchange\/)/ },
  { name: 'console', word: /\bconsole\s*\./, place: /^(?:commands\/|main\.ts$)/ },
  // JavaScript's RegExp backtracks without bound: a pattern that is not our own goes through RE2.
  { name: 'new RegExp', word: /\bnew\s+RegExp\b/, place: /^$/ },
  { name: 'a default export', word: /^export\s+default\b/m, place: /^$/ },
]

const VAGUE = /^(?:index|utils?|helpers?|common|misc|types|shared|lib)(?:\.ts)?$/

const SRC = fileURLToPath(new URL('../../src', import.meta.url))
const FILES = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts') && !path.startsWith('gen/'))
  .sort()
  .map((path) => ({ path, folder: folderOf(path), text: withoutComments(readFileSync(join(SRC, path), 'utf8')) }))

test('the sources are found', () => {
  expect(FILES.map(({ path }) => path)).toContain('terms/denial.ts')
})

test('every folder has its place in the table', () => {
  expect(FILES.filter(({ folder }) => !Object.hasOwn(MAY_IMPORT, folder)).map(({ path }) => path)).toEqual([])
})

test('a folder imports itself and what the table allows', () => {
  const breaches = FILES.flatMap(({ path, folder, text }) => {
    const allowed = [folder, ...(MAY_IMPORT[folder] ?? [])]
    const targets = imports(text)
      .filter(isLocal)
      .map((target) => normalize(join(dirname(path), target)))
    return targets.filter((target) => !allowed.includes(folderOf(target))).map((target) => `${path} → ${target}`)
  })
  expect(breaches).toEqual([])
})

test('only compose.ts joins parts of the service', () => {
  const joining = FILES.filter(({ path, text }) => {
    const folders = imports(text)
      .filter(isLocal)
      .map((target) => folderOf(normalize(join(dirname(path), target))))
    return new Set(folders.filter((folder) => folder !== 'config' && PARTS.includes(folder))).size > 1
  })
  expect(joining.map(({ path }) => path).filter((path) => path !== 'compose.ts')).toEqual([])
})

test('the core uses no package and no built-in module but those of its list', () => {
  const breaches = FILES.flatMap(({ path, folder, text }) => {
    const allowed = CORE_MAY_USE[folder]
    if (allowed === undefined) return []
    return imports(text)
      .filter((name) => !isLocal(name) && !allowed.includes(name))
      .map((name) => `${path} → ${name}`)
  })
  expect(breaches).toEqual([])
})

test.each(RESERVED)('$name is said only where it belongs', ({ word, place }) => {
  expect(FILES.filter(({ path, text }) => word.test(text) && !place.test(path)).map(({ path }) => path)).toEqual([])
})

test('names say what a file is', () => {
  const vague = ({ path }: { path: string }) =>
    path.split('/').some((part) => VAGUE.test(part)) || !/^[a-z0-9]+(?:-[a-z0-9]+)*\.ts$/.test(basename(path))
  expect(FILES.filter(vague).map(({ path }) => path)).toEqual([])
})

test('no file is a barrel', () => {
  const rest = (text: string) => text.replace(/^\s*export\s+(?:type\s+)?(?:\*|\{[^}]*\})[^\n]*\bfrom\b[^\n]*$/gm, '')
  expect(FILES.filter(({ text }) => text.trim() !== '' && rest(text).trim() === '').map(({ path }) => path)).toEqual([])
})

/** The first folder of a path inside src/, or the file itself where it stands at the top. */
function folderOf(path: string): string {
  return path.split('/')[0] ?? path
}

function isLocal(specifier: string): boolean {
  return specifier.startsWith('.')
}

/** The specifiers of static and dynamic imports, re-exports and requires. */
function imports(text: string): string[] {
  const found = text.matchAll(/(?:\bfrom|^\s*import|\bimport\s*\(|\brequire\s*\()\s*['"]([^'"\n]+)['"]/gm)
  return [...found].map((match) => match[1] ?? '')
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\/|(?<=^|[\s;{}()])\/\/[^\n]*/gm, '')
}
