// Joins what the program loads, the packages it is built on included, into dist/src/main.js and few files in
// dist/src/chunks: reading a thousand small files took most of a start. The installed program needs no other package, but
// the optional ones. What tsc wrote stays beside it, for the tests.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { dirname, relative, resolve } from 'node:path'
import { build } from 'esbuild'
import protobuf from 'protobufjs'

const OUT = 'dist/src'
const CHUNKS = `${OUT}/chunks`
const optional = Object.keys(JSON.parse(readFileSync('package.json', 'utf8')).peerDependencies)

/** A file beside a source is found from where the source's code will be; and a `require` is one that can be joined. */
const ownFiles = {
  name: 'own files',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]src[\\/].*\.ts$/ }, ({ path }) => {
      const place = resolve(OUT, relative('src', dirname(path)))
      const contents = readFileSync(path, 'utf8')
        .replace('const require = createRequire(import.meta.url)\n', '\n')
        .replace(/new URL\((['`])(\.[^'`]+)\1, import\.meta\.url\)/g, (_, quote, file) => {
          const moved = relative(CHUNKS, resolve(place, file))
          return `new URL(${quote}${moved}${quote}, import.meta.url)`
        })
      return { contents, loader: 'ts' }
    })
  },
}

/** An optional package is loaded when it is asked for, from where the operator has installed it; one that a library insists on is joined. */
const optionalPackages = {
  name: 'optional packages',
  setup({ onResolve }) {
    onResolve({ filter: /^[@a-z]/ }, ({ path, kind, importer }) => {
      if (kind !== 'dynamic-import' || importer.includes('node_modules') || isBuiltin(path)) return undefined
      if (optional.some((name) => path === name || path.startsWith(`${name}/`))) return { path, external: true }
      // Joined, a CommonJS package has its names no more: a file of our own can import it, and be loaded late itself.
      return { errors: [{ text: `${path} is no optional package: import it statically` }] }
    })
  },
}

/** Of undici what is used, and not its fetch, web sockets, caches, cookies and mocks: half of it all, and of the time it takes to load. */
const UNDICI = `
const Dispatcher = require('./lib/dispatcher/dispatcher.js')
Object.assign(Dispatcher.prototype, require('./lib/api'))
exports.Client = require('./lib/dispatcher/client.js')
exports.Pool = require('./lib/dispatcher/pool.js')
exports.Agent = require('./lib/dispatcher/agent.js')
exports.errors = require('./lib/core/errors.js')
`

const usedOfUndici = {
  name: 'used of undici',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]node_modules[\\/]undici[\\/]index\.js$/ }, () => ({ contents: UNDICI, loader: 'js' }))
  },
}

/** The reflection's own service stands in files beside its code, which it reads when it is added: they are joined too. */
const reflectionProtos = {
  name: 'protos of the reflection',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]@grpc[\\/]reflection[\\/].*[\\/]reflection-v\w+\.js$/ }, ({ path }) => {
      const text = readFileSync(path, 'utf8')
      const [, file] = /path\.join\(__dirname, '([^']+\.proto)'\)/.exec(text) ?? []
      if (file === undefined) throw new Error(`${path} reads no .proto file any more`)
      const parsed = JSON.stringify(new protobuf.Root().loadSync(resolve(dirname(path), file)))
      const contents = text
        .replace(/const protoPath = .*\n/, '')
        .replace('loadSync(protoPath, ', () => `fromJSON(${parsed}, `)
      return { contents, loader: 'js' }
    })
  },
}

const LOOKING = [
  '/@grpc/grpc-js/build/src/channelz.js', // switched off
  '/@grpc/grpc-js/build/src/orca.js', // of balancers, which are not used
  '/@grpc/reflection/build/src/implementations/', // joined by reflectionProtos
  '/ioredis/built/Command.js', // only for showFriendlyErrorStack
  '/pino/', // its transports, which are threads
  '/thread-stream/',
  '/undici/index.js', // joined by usedOfUndici
]

const { metafile } = await build({
  entryPoints: ['src/main.ts'],
  outdir: OUT,
  chunkNames: 'chunks/[name]-[hash]',
  allowOverwrite: true,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  legalComments: 'none',
  // V8 keeps the text of what it runs: without its white space a process takes 5 MB less. Lines stay short enough for a stack trace.
  minifyWhitespace: true,
  lineLimit: 160,
  sourcemap: 'linked',
  sourcesContent: false,
  metafile: true,
  logLevel: 'warning',
  banner: {
    js: "import { createRequire as createRequireOfChunk } from 'node:module'\nconst require = createRequireOfChunk(import.meta.url)",
  },
  plugins: [ownFiles, optionalPackages, usedOfUndici, reflectionProtos],
})
checkImports()
checkFolders()
const joined = joinedPackages()
writeFileSync(`${OUT}/THIRD-PARTY-NOTICES.txt`, joined.map(notice).join(`\n${'-'.repeat(80)}\n\n`))
writeFileSync(`${OUT}/sbom.cdx.json`, `${JSON.stringify(billOfMaterials(joined), undefined, 2)}\n`)

/** What is neither joined, nor of Node.js, nor optional would be missing where only this package is installed. */
function checkImports() {
  const isKnown = (path) => path.startsWith('node:') || isBuiltin(path) || optional.includes(path)
  for (const [file, { imports }] of Object.entries(metafile.outputs)) {
    for (const { path, external } of imports)
      if (external && !isKnown(path)) throw new Error(`${file} imports ${path}, which nobody installs`)
    if (file === `${OUT}/main.js` && /new URL\([^)]*import\.meta/.test(readFileSync(file, 'utf8')))
      throw new Error(`${file} looks for a file from where the chunks are`)
  }
}

/** Code that looks for files beside itself finds none. What does so must be known: it is never called here, or joined by the above. */
function checkFolders() {
  const looking = Object.keys(metafile.inputs).filter(
    (path) => path.includes('node_modules/') && /__(?:dirname|filename)\b/.test(readFileSync(path, 'utf8')),
  )
  for (const path of looking)
    if (!LOOKING.some((known) => path.includes(known))) throw new Error(`${path} looks for files beside itself`)
}

/** The folders of the packages of which something is joined. */
function joinedPackages() {
  const folders = new Set()
  for (const { inputs } of Object.values(metafile.outputs))
    for (const path of Object.keys(inputs)) {
      const [folder] = /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path) ?? []
      if (folder !== undefined) folders.add(folder)
    }
  return [...folders].sort()
}

/** For scanners, which find no packages beside the program: CycloneDX 1.5. */
function billOfMaterials(folders) {
  const components = folders.map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(`${folder}/package.json`, 'utf8'))
    const purl = `pkg:npm/${name.replace('@', '%40')}@${version}`
    const licenses = license === undefined ? {} : { licenses: [{ expression: license }] }
    return { type: 'library', 'bom-ref': purl, name, version, purl, ...licenses }
  })
  const { name, version } = JSON.parse(readFileSync('package.json', 'utf8'))
  const component = { type: 'application', 'bom-ref': 'octo-sts', name, version }
  return { bomFormat: 'CycloneDX', specVersion: '1.5', version: 1, metadata: { component }, components }
}

/** Who wrote what is joined, and on which terms it may be. */
function notice(folder) {
  const { name, version, license } = JSON.parse(readFileSync(`${folder}/package.json`, 'utf8'))
  const texts = readdirSync(folder)
    .filter((file) => /^(licen[cs]e|copying|notice)/i.test(file))
    .sort()
  if (license === undefined && texts.length === 0) throw new Error(`${folder} names no licence`)
  const said = texts.map((file) => `\n${readFileSync(`${folder}/${file}`, 'utf8').trim()}\n`)
  return `${name} ${version} (${license})\n${said.join('')}`
}
