import type { SandboxGitHub } from '../../src/sandbox/github.ts'
import type { GitHubClient } from '../support/github-client.ts'

/** Every route, each refusal it has: all that the sandbox can say. */
export async function talk(github: SandboxGitHub, client: GitHubClient): Promise<void> {
  github.addAccount({ login: 'acme', type: 'Organization' })
  github.addAccount({ login: 'octocat', type: 'User' })
  github.addRepository('acme', 'app', { files: { 'README.md': '# App\n', 'src/main.ts': '' } })
  github.addRepository('acme', 'docs', { private: false, files: { 'README.md': '# Docs\n' } })
  github.addRepository('acme', 'old', { private: false })
  github.renameRepository('acme', 'old', { name: 'new' })
  github.putFile('acme', 'app', 'link', { type: 'symlink', target: '/etc/passwd' })
  github.putFile('acme', 'app', 'sub', {
    type: 'submodule',
    url: 'https://github.com/acme/lib.git',
    commit: '1'.repeat(40),
  })
  const all = github.install('acme', { permissions: { contents: 'write', issues: 'read' }, repositories: 'all' })
  github.install('octocat', { permissions: { contents: 'read' }, repositories: [], suspended: true })
  const bearer = client.appJwt()
  const as = (token: string) => ({ bearer: token })

  await client.send('GET', '/app', { bearer })
  await client.send('GET', '/app', as('nonsense'))
  await client.send('GET', '/app/installations?per_page=1', { bearer })
  for (const path of [
    '/orgs/acme',
    '/orgs/nobody',
    '/users/octocat',
    '/users/nobody',
    '/repos/acme/app',
    '/repos/acme/no',
  ]) {
    await client.send('GET', `${path}/installation`, { bearer })
  }
  await client.send('GET', '/repos/acme/old/installation', { bearer })
  const mint = `/app/installations/${all}/access_tokens`
  await client.send('POST', mint, {
    bearer,
    body: { permissions: { contents: 'read' }, repositories: ['app', 'docs'] },
  })
  await client.send('POST', mint, { bearer, body: { permissions: { actions: 'read' } } })
  await client.send('POST', mint, { bearer, body: { repositories: ['nowhere'] } })
  await client.send('POST', '/app/installations/1/access_tokens', { bearer })
  const suspended = [...github.installations.values()].find(({ suspendedAt }) => suspendedAt !== undefined)
  await client.send('POST', `/app/installations/${suspended?.id}/access_tokens`, { bearer })
  await client.send('POST', mint, as('nonsense'))

  const token = as(await client.mint(all))
  const blind = as(await client.mint(all, { permissions: { issues: 'read' } }))
  for (const path of ['README.md', 'src', 'src/main.ts', 'link', 'sub', 'missing']) {
    await client.send('GET', `/repos/acme/app/contents/${path}`, token)
  }
  const { headers } = await client.send('GET', '/repos/acme/app/contents/README.md', token)
  await client.send('GET', '/repos/acme/app/contents/README.md?ref=main', {
    ...token,
    headers: { 'if-none-match': headers.get('etag') ?? '' },
  })
  await client.send('GET', '/repos/acme/app/contents/README.md', blind)
  await client.send('GET', '/repos/acme/app/contents/README.md', as('nonsense'))
  await client.send('GET', '/repos/acme/old/contents/README.md', token)
  await client.send('GET', '/repos/acme/app', token)
  await client.send('GET', '/repos/acme/old', token)
  await client.send('GET', '/repos/acme/missing', token)
  await client.send('GET', '/installation/repositories?per_page=2&page=1', token)
  await client.send('GET', '/rate_limit', token)
  await talkOfGit(github, client, token)
  await talkOfPulls(github, client, { ...token, all })
  await talkOfChecks(github, client, { ...token, all })
  await client.send('DELETE', '/installation/token', token)
  await client.send('DELETE', '/installation/token', token)
}

interface Credential {
  readonly bearer: string
}

async function talkOfGit(github: SandboxGitHub, client: GitHubClient, token: Credential): Promise<void> {
  github.addRepository('acme', 'empty')
  const { before } = github.commit('acme', 'app', {
    files: { 'README.md': '# Changed\n', 'src/main.ts': null, 'src/new.ts': 'x', link: null },
    author: { name: 'Nobody', email: 'nobody@example.com' },
  })
  const get = (path: string, repository = 'app') => client.send('GET', `/repos/acme/${repository}${path}`, token)
  for (const path of ['/commits/main', `/commits/${before}`, '/commits/gone']) await get(path)
  await get('/commits/main', 'empty')
  for (const path of [`/compare/${before}...main`, '/compare/main...main?per_page=1&page=2', '/compare/main...gone']) {
    await get(path)
  }
  for (const path of ['/git/trees/main', '/git/trees/main?recursive=1', '/git/trees/gone']) await get(path)
  await get('/git/trees/main', 'empty')
  await get(`/git/blobs/${'1'.repeat(40)}`)
  await get(`/git/blobs/${EMPTY_BLOB}`)
  for (const ref of ['/git/ref/heads/main', '/git/ref/heads/gone', '/branches/main', '/branches/gone']) await get(ref)
}

async function talkOfPulls(
  github: SandboxGitHub,
  client: GitHubClient,
  { bearer, all }: Credential & { readonly all: number },
): Promise<void> {
  github.regrant(all, { permissions: { contents: 'write', issues: 'read', pull_requests: 'read', checks: 'write' } })
  github.addRepository('octocat', 'app', { forkOf: { owner: 'acme', name: 'app' }, private: false })
  github.commit('octocat', 'app', {
    branch: 'patch',
    files: { 'README.md': '# App, patched\n', 'b.txt': 'b', 'c.txt': 'c' },
  })
  github.openPull('acme', 'app', { head: { owner: 'octocat', branch: 'patch' } })
  const reader = await client.mint(all)
  await client.send('GET', '/repos/octocat/app', { bearer })
  for (const path of ['/pulls/1', '/pulls/1/files?per_page=1&page=2', '/pulls/7', '/pulls/7/files']) {
    await client.send('GET', `/repos/acme/app${path}`, { bearer: reader })
  }
  await client.send('GET', '/repos/acme/app/pulls/1', { bearer })
}

async function talkOfChecks(
  github: SandboxGitHub,
  client: GitHubClient,
  { bearer, all }: Credential & { readonly all: number },
): Promise<void> {
  const writer = { bearer: await client.mint(all) }
  const runs = '/repos/acme/app/check-runs'
  const { after: sha } = github.commit('acme', 'app', { branch: 'checked', files: { x: '1' } })
  github.openPull('acme', 'app', { head: { branch: 'checked' } })
  const annotations = [
    {
      path: 'x',
      start_line: 1,
      end_line: 1,
      start_column: 1,
      end_column: 1,
      annotation_level: 'failure',
      message: 'm',
    },
    { path: 'x', start_line: 1, end_line: 2, annotation_level: 'notice', message: 'm', title: 't', raw_details: 'r' },
  ]
  await client.send('POST', runs, { ...writer, body: { name: 'lint', head_sha: sha } })
  const [run] = github.checkRuns
  await client.send('PATCH', `${runs}/${run?.id}`, {
    ...writer,
    body: { conclusion: 'failure', output: { title: 'T', summary: 'S', annotations } },
  })
  await client.send('POST', runs, { ...writer, body: { name: 'lint', head_sha: sha, status: 'completed' } })
  await client.send('PATCH', `${runs}/${run?.id}`, { ...writer, body: { status: 'completed', conclusion: 'stale' } })
  for (const path of [`${runs}/${run?.id}`, `${runs}/${run?.id}/annotations`, `${runs}/7`, `${runs}/7/annotations`]) {
    await client.send('GET', path, writer)
  }
  await client.send('PATCH', `${runs}/7`, { ...writer, body: { status: 'queued' } })
  await client.send('GET', `/repos/acme/app/commits/${sha}/check-runs?check_name=lint&app_id=1`, writer)
  await client.send('GET', `/repos/acme/app/commits/${sha}/check-runs?filter=all`, writer)
  await client.send('GET', '/repos/acme/app/commits/gone/check-runs', writer)
  for (const path of [runs, '/repos/acme/none/check-runs']) {
    await client.send('POST', path, { bearer, body: { name: 'lint', head_sha: sha } })
  }
}

const EMPTY_BLOB = 'e69de29bb2d1d6434b8b29ae775ad8c2e48c5391'
