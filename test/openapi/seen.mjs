// seen.mjs DOCUMENT HAR [ANSWER...]: fails, and names them, when there are answers that the document has and nobody was
// given; with arguments, when one of these was not ("POST /token 200").
import { readFileSync } from 'node:fs'

const [documentFile, harFile, ...wanted] = process.argv.slice(2)
const { paths } = JSON.parse(readFileSync(documentFile, 'utf8'))
const { entries } = JSON.parse(readFileSync(harFile, 'utf8')).log

const seen = new Set(
  entries.map(
    ({ request, response }) => `${request.method} ${template(new URL(request.url).pathname)} ${response.status}`,
  ),
)
const all = Object.entries(paths).flatMap(([path, operations]) =>
  Object.entries(operations).flatMap(([method, { responses }]) =>
    Object.keys(responses).map((status) => `${method.toUpperCase()} ${path} ${status}`),
  ),
)
const documented = wanted.length > 0 ? wanted : all
const missing = documented.filter((each) => !seen.has(each))
for (const each of missing) console.error(`never seen: ${each}`)
console.log(
  `${documented.length - missing.length} of ${documented.length} documented answers were seen in ${entries.length} requests`,
)
process.exitCode = missing.length === 0 ? 0 : 1

function template(pathname) {
  return pathname.startsWith('/schemas/') ? '/schemas/{name}.json' : pathname
}
