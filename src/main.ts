#!/usr/bin/env node
import { parseArgs } from 'node:util'

/** The commands, each loaded only when it is asked for. */
const COMMANDS = {
  serve: async () => (await import('./commands/serve.ts')).serve(),
  webhook: async () => (await import('./commands/webhook.ts')).webhook(),
  config: async (args) => (await import('./commands/config.ts')).config(args),
  sandbox: async (args) => (await import('./commands/sandbox.ts')).sandbox(args),
  revoke: async (args) => (await import('./commands/revoke.ts')).revoke(args),
  probe: async (args) => (await import('./commands/probe.ts')).probe(args),
  smoketest: async (args) => (await import('./commands/smoketest.ts')).smoketest(args),
  demo: async () => (await import('./commands/demo.ts')).demo(),
} as const satisfies Record<string, (args: string[]) => Promise<number>>

const USAGE = `octo-sts: trades OpenID Connect tokens for GitHub App installation tokens, as trust policies allow

  octo-sts serve      the service; its settings are environment variables (docs/configuration.md)
  octo-sts config     those settings as they are in effect, and what is wrong with them
  octo-sts webhook    GitHub's webhook alone, on a port of its own (docs/webhook.md)
  octo-sts sandbox    the service with an embedded GitHub and issuer, and lines to paste
  octo-sts revoke     ends refresh tokens
  octo-sts probe      an exchange that must work and one that must be refused, once or again and again
  octo-sts smoketest  a list of exchanges, each with what must come of it
  octo-sts demo       real exchanges against the embedded GitHub and issuer, told step by step
`

const { positionals } = parseArgs({ args: process.argv.slice(2, 3), allowPositionals: true, strict: false })
const [name = ''] = positionals
if (Object.hasOwn(COMMANDS, name)) {
  process.exitCode = await COMMANDS[name as keyof typeof COMMANDS](process.argv.slice(3))
} else {
  const asked = process.argv.length < 3 || ['help', '--help', '-h'].includes(process.argv[2] ?? '')
  process[asked ? 'stdout' : 'stderr'].write(
    asked ? USAGE : `octo-sts: there is no command ${JSON.stringify(process.argv[2])}\n\n${USAGE}`,
  )
  process.exitCode = asked ? 0 : 2
}
