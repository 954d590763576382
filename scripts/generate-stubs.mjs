// From proto/: the types of the stubs (src/gen/**/*.ts); what would be parsed at each start (src/gen/protos.json);
// and for server reflection the compiled descriptors (src/gen/descriptors.json: one base64 google.protobuf.FileDescriptorProto per file, imports included).
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'

const ROOTS = [
  'chainguard/platform/oidc/oidc.proto',
  'google/rpc/error_details.proto',
  'google/rpc/status.proto',
  'grpc/health/v1/health.proto',
]

/** Of Google's own messages. */
const SENT = ['Any', 'Duration', 'Timestamp']

const require = createRequire(import.meta.url)
const { resolve } = require
rmSync('src/gen', { recursive: true, force: true })
mkdirSync('src/gen', { recursive: true })
generateTypes()
generateParsed()
generateDescriptors()

function generateTypes() {
  const tool = resolve('@grpc/proto-loader/build/bin/proto-loader-gen-types.js')
  const shape = ['--longs=String', '--enums=String', '--defaults', '--oneofs']
  const target = ['--grpcLib=@grpc/grpc-js', '--importFileExtension=.ts', '--outDir=src/gen']
  run(process.execPath, [tool, ...shape, ...target, '-I', 'proto', '--', ...ROOTS])
  // The one file per .proto that only joins the others; where it has no service it would not pass the compiler's checks.
  for (const root of ROOTS) rmSync(join('src/gen', basename(root).replace(/\.proto$/, '.ts')))
}

/** With the protobufjs of proto-loader, which has told it of Google's own files. */
function generateParsed() {
  require('@grpc/proto-loader')
  const { Root } = createRequire(resolve('@grpc/proto-loader'))('protobufjs')
  const root = new Root()
  root.resolvePath = (_, target) => (target.startsWith('google/protobuf/') ? target : join('proto', target))
  root.loadSync(ROOTS)
  // What describes .proto files and their HTTP rules is half of it, and is no message that is sent.
  const { google } = root.nested
  google.remove(google.get('api'))
  const { protobuf } = google.nested
  for (const described of protobuf.nestedArray) if (!SENT.includes(described.name)) protobuf.remove(described)
  writeFileSync('src/gen/protos.json', `${JSON.stringify(root.toJSON())}\n`)
}

function generateDescriptors() {
  const scratch = mkdtempSync(join(tmpdir(), 'octo-sts-descriptors-'))
  const image = join(scratch, 'image.binpb')
  run(join('node_modules', '.bin', 'buf'), [
    'build',
    'proto',
    '--as-file-descriptor-set',
    '--exclude-source-info',
    '-o',
    image,
  ])
  const files = [...entries(readFileSync(image))].map((file) => file.toString('base64'))
  writeFileSync('src/gen/descriptors.json', `${JSON.stringify(files, null, 1)}\n`)
  rmSync(scratch, { recursive: true })
}

/** The entries of field 1 of a message that has no other field: google.protobuf.FileDescriptorSet. */
function* entries(message) {
  let at = 0
  while (at < message.length) {
    if (message[at] !== 0x0a) throw new Error(`unexpected tag ${message[at]} in the descriptor set`)
    at += 1
    let length = 0
    for (let shift = 0; ; shift += 7) {
      const byte = message[at]
      at += 1
      length |= (byte & 0x7f) << shift
      if (byte < 0x80) break
    }
    yield message.subarray(at, at + length)
    at += length
  }
}

function run(command, parameters) {
  execFileSync(command, parameters, { stdio: ['ignore', 'ignore', 'inherit'] })
}
