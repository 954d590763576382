import { createHash } from 'node:crypto'
import type { HttpAnswer } from './http-answer.ts'
import { jsonAnswer } from './http-answer.ts'
import { answerOf, httpStatusOf, oauthErrorOf, REASONS } from './status.ts'

/** A file that is served as it is, such as a schema. */
export interface WireDocument {
  readonly contentType: string
  readonly body: string
}

export function documentAnswer({ contentType, body }: WireDocument): HttpAnswer {
  return { status: 200, headers: { 'content-type': contentType, 'cache-control': 'public, max-age=3600' }, body }
}

/** GET /: JSON that points at the documentation, and a page for whoever prefers text/html (contract §2). */
export function rootAnswer(domain: string, accept: string | undefined): HttpAnswer {
  if (!prefersHtml(accept)) {
    const msg = `octo-sts trades OIDC tokens for GitHub App installation tokens. For its documentation open https://${domain}/ in a browser.`
    return jsonAnswer(200, { msg })
  }
  return htmlAnswer(
    'octo-sts',
    `<p>This service trades OpenID Connect tokens for short-lived GitHub App installation tokens, as trust policies allow.</p>
<h2>Ask for a token</h2>
<pre>curl -H "Authorization: Bearer $OIDC_TOKEN" \\
  "https://${escapeHtml(domain)}/sts/exchange?scope=owner/repository&amp;identity=name"</pre>
<p>The OIDC token’s audience is <code>${escapeHtml(domain)}</code> unless the trust policy says otherwise. The answer is JSON with
<code>token</code> and <code>expiry</code>. The same over gRPC: <code>chainguard.platform.oidc.SecurityTokenService/Exchange</code>;
server reflection is on.</p>
<h2>Allow it</h2>
<p>The trust policy is the file <code>.github/chainguard/<em>name</em>.sts.yaml</code> on the default branch of the repository:</p>
<pre>issuer: https://token.actions.githubusercontent.com
subject: repo:owner/other:ref:refs/heads/main
permissions:
  contents: read</pre>
<h2>When it is refused</h2>
<p>Each refusal has a reason: <a href="/errors">what they mean and what to do</a>.</p>`,
  )
}

/** GET /errors: the table of reasons, each with an anchor of its name. */
export function errorsPage(domain: string): HttpAnswer {
  const rows = REASONS.map((reason) => {
    const answer = answerOf(reason)
    const retry = answer.retryAfterMs === undefined ? '' : ' · another try can help'
    return `<section id="${reason}"><h2>${reason}</h2><p>gRPC ${answer.code} · HTTP ${httpStatusOf(answer)} · OAuth ${oauthErrorOf(answer, 'subject_token')}${retry}</p>
<p>${textHtml(answer.means)}</p><p><strong>What to do:</strong> ${textHtml(answer.todo)}</p></section>`
  })
  return htmlAnswer('Why an exchange is refused', `<p>By <code>${escapeHtml(domain)}</code>.</p>\n${rows.join('\n')}`)
}

/** True when `Accept` gives text/html more weight than application/json (RFC 9110 §12.5.1). */
function prefersHtml(accept: string | undefined): boolean {
  if (accept === undefined) return false
  const ranges = accept.split(',').map(parseRange)
  return weightOf('text/html', ranges) > weightOf('application/json', ranges)
}

interface MediaRange {
  readonly range: string
  readonly weight: number
}

function parseRange(text: string): MediaRange {
  const [range = '', ...parameters] = text.split(';').map((part) => part.trim().toLowerCase())
  const weight = parameters.find((parameter) => parameter.startsWith('q='))
  const value = weight === undefined ? 1 : Number(weight.slice('q='.length))
  return { range, weight: Number.isFinite(value) ? value : 0 }
}

/** The weight of the most specific range that holds the type. */
function weightOf(type: string, ranges: readonly MediaRange[]): number {
  const candidates = [type, `${type.split('/', 1).join('')}/*`, '*/*']
  for (const candidate of candidates) {
    const found = ranges.find(({ range }) => range === candidate)
    if (found !== undefined) return found.weight
  }
  return 0
}

function htmlAnswer(title: string, content: string): HttpAnswer {
  return {
    status: 200,
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': CONTENT_SECURITY_POLICY,
      'referrer-policy': 'no-referrer',
      'x-frame-options': 'DENY',
      'cache-control': 'public, max-age=300',
      vary: 'accept',
    },
    body: `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title><style>${STYLE}</style></head>
<body><main><h1>${title}</h1>
${content}
</main></body></html>
`,
  }
}

/** Escaped, with `code` between backticks. */
function textHtml(text: string): string {
  return escapeHtml(text).replace(/`([^`]*)`/g, '<code>$1</code>')
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}

const STYLE =
  'body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:48rem;padding:0 1rem}pre{overflow:auto;padding:1rem;background:#8882}h2{font-size:1.1rem;margin-top:2rem}'
const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64')
const CONTENT_SECURITY_POLICY = `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`
