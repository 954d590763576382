import { status } from '@grpc/grpc-js'
import { type Answer, answerOf, httpStatusOf, oauthErrorOf, oauthStatusOf, REASONS } from './status.ts'

/** docs/errors.md: the table of reasons for people, with an anchor of its name for each. */
export function errorsDocument(): string {
  const sections = REASONS.map((reason) => {
    const answer = answerOf(reason)
    return `<a id="${reason}"></a>

## ${reason}

gRPC \`${status[answer.code]}\` (${answer.code}) · HTTP ${httpStatusOf(answer)} · OAuth ${oauthText(answer)} · ${retryText(answer.retryAfterMs)}

${answer.means}

**What to do:** ${answer.todo}
`
  })
  return `${INTRODUCTION}\n${sections.join('\n')}`
}

function oauthText(answer: Answer): string {
  const exchange = oauthErrorOf(answer, 'subject_token')
  const refresh = oauthErrorOf(answer, 'refresh_token')
  const other = refresh === exchange ? '' : ` (of a refresh token \`${refresh}\`)`
  return `\`${exchange}\`${other} ${oauthStatusOf(answer)}`
}

function retryText(retryAfterMs: number | undefined): string {
  if (retryAfterMs === undefined) return 'the same request gets the same answer'
  return `another try can help (after ${retryAfterMs / 1_000} s, unless the answer names another time)`
}

const INTRODUCTION = `<!-- Generated from src/wire/status.ts by scripts/errors-doc.mjs. -->

# Why an exchange is refused

Each refusal has a stable reason. Over gRPC it is in \`grpc-status-details-bin\`, over HTTP in \`details\`, both times as
\`google.rpc.ErrorInfo\` whose \`domain\` is the domain of the service; beside it are \`RequestInfo\` with the id under which
the log of the service has the rest, \`RetryInfo\` where another try can help (over HTTP also \`Retry-After\`), \`BadRequest\`
where a parameter is at fault, and \`Help\` with a link to the reason's section. At \`/token\` and \`/revoke\` it is the OAuth
error of its line, with that status, and \`error_uri\` ends with the reason. Decide by the reason: messages are for people, and
change.
`
