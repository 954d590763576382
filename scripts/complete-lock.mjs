// Completes package-lock.json: `npm install` leaves out an optional package for another platform when the registry in reach
// does not have it, and `npm ci` then refuses the lock file. Each such entry is written as its parent names it, with the
// platform its name tells, and without an integrity, which only a registry that has it can give.
import { readFileSync, writeFileSync } from 'node:fs'

const FILE = 'package-lock.json'
const lock = JSON.parse(readFileSync(FILE, 'utf8'))
const added = []
for (const [place, { optionalDependencies = {}, dev }] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(optionalDependencies)) {
    if (found(place, name)) continue
    const [, os, cpu, rest = ''] = PLATFORM().exec(name) ?? []
    if (os === undefined || !/^\d+\.\d+\.\d+$/.test(version))
      throw new Error(`${place} → ${name}@${version}: unknown platform`)
    const libc =
      os === 'linux' ? (rest.includes('musl') ? 'musl' : rest.includes('gnu') ? 'glibc' : undefined) : undefined
    lock.packages[`node_modules/${name}`] = {
      version,
      cpu: [cpu === 'armv7' ? 'arm' : cpu],
      ...(dev ? { dev } : {}),
      ...(libc ? { libc: [libc] } : {}),
      optional: true,
      os: [os],
    }
    added.push(`${name}@${version}`)
  }
}
lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)))
writeFileSync(FILE, `${JSON.stringify(lock, null, 2)}\n`)
console.log(added.length === 0 ? `${FILE} is complete` : `added to ${FILE}: ${added.join(', ')}`)

/** Node's own search: the folder of the package that asks, then those above it. */
function found(place, name) {
  for (let at = place; ; at = at.slice(0, Math.max(0, at.lastIndexOf('/node_modules/')))) {
    if (lock.packages[`${at}${at === '' ? '' : '/'}node_modules/${name}`] !== undefined) return true
    if (at === '') return false
  }
}

function PLATFORM() {
  return /-(android|darwin|freebsd|linux|openharmony|win32)-(arm64|armv7|arm|x64|ia32|ppc64|riscv64|s390x|loong64)(?:-(\w+))?$/
}
