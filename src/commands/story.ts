import type { WorldExchange } from '../sandbox/world.ts'
import type { Stack } from './stack.ts'
import type { Answer } from './sts-client.ts'

export interface Story {
  say(line: string): void
  /** Does something, and prints what came of it or what went wrong; the steps after it are told all the same. */
  step(title: string, work: () => Promise<readonly string[]>): Promise<void>
  /** The exit status. */
  end(): number
}

export function createStory(): Story {
  const print = (line: string) => void process.stdout.write(`${line}\n`)
  let steps = 0
  let failures = 0
  return {
    say: print,
    async step(title, work) {
      steps += 1
      print(`\n${steps}. ${title}`)
      try {
        for (const line of await work()) print(`   ${line}`)
      } catch (error) {
        failures += 1
        print(`   FAILED: ${error instanceof Error ? error.message : String(error)}`)
      }
    },
    end() {
      print(failures === 0 ? `\nAll ${steps} steps did what they should.` : `\n${failures} of ${steps} steps failed.`)
      return failures === 0 ? 0 : 1
    },
  }
}

export function named(exchanges: readonly WorldExchange[], name: string): WorldExchange {
  const found = exchanges.find((exchange) => exchange.name === name)
  if (found === undefined) throw new Error(`the world has no exchange "${name}"`)
  return found
}

export function granted(answer: Answer): Extract<Answer, { ok: true }> {
  if (!answer.ok) throw new Error(`refused with code ${answer.code}: ${answer.message}`)
  return answer
}

export function refused(answer: Answer, code: number): Extract<Answer, { ok: false }> {
  if (answer.ok) throw new Error('a token was issued')
  expect(answer.code === code, `refused with code ${answer.code}: ${answer.message}`)
  return answer
}

export function expect(holds: boolean, otherwise: string): void {
  if (!holds) throw new Error(otherwise)
}

/** What GitHub itself says that the token may do. */
export function grantOf({ github }: Stack, token: string): string {
  const issued = github.tokens.get(token)
  if (issued === undefined) throw new Error('GitHub knows no such token')
  const permissions = Object.entries(issued.permissions).map(([name, level]) => `${name}: ${level}`)
  const repositories =
    issued.repositories === 'all'
      ? ['all repositories']
      : [...issued.repositories].map((id) => github.findRepositoryById(id)?.name ?? String(id))
  return `GitHub granted ${permissions.join(', ')} on ${repositories.join(', ')}`
}

/** Enough of a token to tell it from another. */
export function short(token: string): string {
  return `${token.slice(0, 10)}…`
}
