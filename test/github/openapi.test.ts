import { describe, expect, test } from '@jest/globals'
import { loadConformance, watchConformance } from '../support/openapi.ts'
import { createWorld, grantFor, never, permissions, reason } from './world.ts'

/** Undefined where GitHub's description can't be had; the support says so, and fails in CI. */
const conformance = loadConformance()
const describeWhereHad = conformance === undefined ? describe.skip : describe

describeWhereHad('every request of the service', () => {
  test("is one of GitHub's published API", async () => {
    if (conformance === undefined) return
    const world = await createWorld()
    const watch = watchConformance(world.sandbox, conformance)
    const routes = new Set<string>()
    world.sandbox.observe(({ method, route, status }) => routes.add(`${method} ${route} ${status}`))
    const { github } = world
    await world.app().proveKey(never())
    const request = await world.policyRequest()
    await github.loadPolicy(request, never())
    world.clock.advance(300_000)
    await github.loadPolicy(request, never())
    expect(await reason(github.loadPolicy({ ...request, identity: 'nope' }, never()))).toBe('POLICY_NOT_FOUND')
    await github.findInstallation('bob', never())
    await github.listRepositories(request.installation, never())
    const grant = { ...grantFor(request.installation), permissions: permissions({ contents: 'read', issues: 'write' }) }
    await github.mint({ ...grant, repositories: 'all' }, never())
    github.revoke(await github.mint(grant, never()))
    await world.close()
    expect(watch.stop()).toEqual([])
    expect([...routes].sort()).toEqual([
      'DELETE /installation/token 204',
      'GET /app 200',
      'GET /installation/repositories 200',
      'GET /orgs/{org}/installation 200',
      'GET /orgs/{org}/installation 404',
      'GET /repos/{owner}/{repo}/contents/{path} 200',
      'GET /repos/{owner}/{repo}/contents/{path} 304',
      'GET /repos/{owner}/{repo}/contents/{path} 404',
      'GET /users/{username}/installation 200',
      'POST /app/installations/{installation_id}/access_tokens 201',
    ])
  })
})
