import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { credentials, makeGenericClientConstructor } from '@grpc/grpc-js'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { eventually } from '../support/eventually.ts'
import { type SpawnedService, spawnService } from '../support/spawned-service.ts'

/** What `npm install octo-sts` brings, where nothing else is installed: the program is joined out of all that it needs. */
describe('the package alone', () => {
  const folder = mkdtempSync(join(tmpdir(), 'octo-sts-installed-'))
  const installed = join(folder, 'package')
  let unpackedBytes: number
  let service: SpawnedService

  beforeAll(async () => {
    const root = fileURLToPath(new URL('../../..', import.meta.url))
    const said = execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], {
      cwd: root,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    const [packed] = Object.values(JSON.parse(said)) as { filename: string; unpackedSize: number }[]
    unpackedBytes = packed?.unpackedSize ?? Number.POSITIVE_INFINITY
    execFileSync('tar', ['-xzf', packed?.filename ?? '', '-C', folder], { cwd: folder })
    service = await spawnService({ SELF_EXERCISE: 'true', LOG_LEVEL: 'debug' }, join(installed, 'dist/src/main.js'))
  })
  afterAll(async () => {
    await service?.close()
    rmSync(folder, { recursive: true })
  })

  test('brings no other package with it, and is small', () => {
    const { dependencies, bin } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'))
    expect(dependencies).toBeUndefined()
    expect(bin).toEqual({ 'octo-sts': 'dist/src/main.js' })
    expect(unpackedBytes).toBeLessThan(MOST_BYTES)
  })

  test('says who wrote what is in it', () => {
    const notices = readFileSync(join(installed, 'dist/src/THIRD-PARTY-NOTICES.txt'), 'utf8')
    for (const [name, holder] of [
      ['@grpc/grpc-js', 'Apache License'],
      ['undici', 'Copyright (c) Matteo Collina and Undici contributors'],
      ['@octokit/core', 'Copyright (c) 2019 Octokit contributors'],
    ] as const) {
      expect(notices).toMatch(new RegExp(`^${name} [0-9.]+ \\(`, 'm'))
      expect(notices).toContain(holder)
    }
  })

  test('tries itself, with what is loaded late', async () => {
    await eventually(() => expect(service.output()).toContain('"message":"the service has tried itself"'))
    expect(service.output()).not.toContain('could not')
  })

  test('lists them for scanners', () => {
    const { components } = JSON.parse(readFileSync(join(installed, 'dist/src/sbom.cdx.json'), 'utf8'))
    for (const [name, purl] of [
      ['jose', 'pkg:npm/jose@'],
      ['@grpc/grpc-js', 'pkg:npm/%40grpc/grpc-js@'],
    ] as const)
      expect(components).toContainEqual(
        expect.objectContaining({
          name,
          version: expect.stringMatching(/^\d+\./),
          purl: expect.stringContaining(purl),
        }),
      )
  })

  test('serves an exchange', async () => {
    const answer = await fetch(
      `http://127.0.0.1:${service.port}/sts/exchange?scope=acme/app&identity=ci&aud=sts.example.com`,
      { headers: { authorization: `Bearer ${await service.workflowToken()}` } },
    )
    expect([answer.status, await answer.json()]).toEqual([200, expect.objectContaining({ token: expect.any(String) })])
  })

  test.each(['/schemas/trust-policy.json', '/openapi.json', '/'])('serves %s', async (path) => {
    expect((await fetch(`http://127.0.0.1:${service.port}${path}`)).status).toBe(200)
  })

  test('serves metrics', async () => {
    expect(await (await fetch(`http://127.0.0.1:${service.metricsPort}/metrics`)).text()).toContain('octo_sts_')
  })

  test('tells its services by reflection', async () => {
    const pass = { serialize: (bytes: Buffer) => bytes, deserialize: (bytes: Buffer) => bytes }
    const path = '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo'
    const Client = makeGenericClientConstructor({}, 'ServerReflection')
    const client = new Client(`127.0.0.1:${service.port}`, credentials.createInsecure())
    const call = client.makeBidiStreamRequest(path, pass.serialize, pass.deserialize)
    call.end(LIST_SERVICES)
    const [answer = Buffer.of()] = (await call.toArray()) as Buffer[]
    client.close()
    expect(answer.toString('latin1')).toContain('chainguard.platform.oidc.SecurityTokenService')
  })
})

/** A fifth of what a small image may spend on the service. */
const MOST_BYTES = 11_000_000
/** ServerReflectionRequest with `list_services` (7) empty. */
const LIST_SERVICES = Buffer.of(0x3a, 0)
