import { readFileSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import { openStores } from '../../src/store/open-stores.ts'
import { parseStoreUrl } from '../../src/store/store-address.ts'
import { createCertificate } from '../support/certificate-files.ts'
import { createControlledClock } from '../support/controlled-clock.ts'
import { eventually } from '../support/eventually.ts'
import { type RedisServer, startRedis, startSentinel } from '../support/redis.ts'
import { closing, HOUR_MS, redisTest as it, NO_GRACE, newFamily, openRedis, withLog } from './kinds.ts'

const UNAVAILABLE = expect.objectContaining({ name: 'Denial', reason: 'STORE_UNAVAILABLE' })

/** The rights that docs/operate.md tells operators to give. */
const RIGHTS = /ACL SETUSER octo-sts on >PASSWORD (.*)/.exec(
  readFileSync(new URL('../../../docs/operate.md', import.meta.url), 'utf8'),
)?.[1]

describe('a user with a password', () => {
  const setUser = (server: RedisServer) =>
    server.cli('acl', 'setuser', 'octo-sts', 'on', '>p@ss:w/rd', ...(RIGHTS ?? '').split(' '))

  it('with the rights of the documentation can do all that is needed', async () => {
    await using server = await startRedis()
    expect(setUser(server)).toBe('OK')
    const { log, lines } = withLog()
    await using stores = closing(
      await openRedis(`redis://octo-sts:p%40ss%3Aw%2Frd@127.0.0.1:${server.port}/3`, { ...NO_GRACE, log }),
    )
    const heard: string[] = []
    stores.topics.subscribe(
      'a',
      (message) => heard.push(message),
      () => heard.push('gap'),
    )
    await eventually(() => expect(heard).toEqual(['gap']))
    await stores.topics.publish('a', 'b')
    const family = newFamily()
    const { startedAtMs } = await stores.families.begin(family, HOUR_MS)
    expect(await stores.families.advance(family, 0)).toBe('current')
    expect(await stores.families.advance(family, 0)).toBe('reused')
    await stores.families.revoke(newFamily(), HOUR_MS)
    await stores.marks.mark('x', HOUR_MS)
    expect(await stores.marks.markedSince(['x'], startedAtMs)).toBe(true)
    expect(await stores.reservations.reserve('x', HOUR_MS)).toBe(true)
    await stores.reservations.release('x')
    await eventually(() => expect(heard).toEqual(['gap', 'b']))
    expect(stores.isHealthy()).toBe(true)
    expect(server.cli('-n', '3', 'exists', `octo-sts:family:${family}`)).toBe('1')
    expect(server.cli('acl', 'log')).toBe('')
    expect(lines.filter(({ level }) => Number(level) > 30)).toEqual([])
  })

  it('that is wrong, or may not write, is refused and said, without the password', async () => {
    await using server = await startRedis()
    setUser(server)
    server.cli('acl', 'setuser', 'reader', 'on', '>hush-hush', '~*', '&*', '+@read', '+@connection', '+info')
    server.cli('acl', 'setuser', 'default', 'resetpass', '>another')
    for (const [userInfo, said] of [
      ['octo-sts:hush-hush', 'WRONGPASS'],
      [':hush-hush', 'WRONGPASS'],
      ['reader:hush-hush', 'NOPERM'],
    ] as const) {
      const { log, lines } = withLog()
      await using stores = closing(
        await openRedis(`redis://${userInfo}@127.0.0.1:${server.port}`, { log, limits: { connectMs: 300 } }),
      )
      expect(stores.isHealthy()).toBe(false)
      await expect(stores.reservations.reserve('x', HOUR_MS)).rejects.toEqual(UNAVAILABLE)
      await eventually(() => expect(JSON.stringify(lines)).toContain(said))
      expect(JSON.stringify(lines)).not.toContain('hush-hush')
    }
  })
})

describe('TLS', () => {
  it('is spoken with rediss, and only with a server that can be trusted', async () => {
    const certificate = createCertificate()
    const files = ['--tls-cert-file', certificate.certFile, '--tls-key-file', certificate.keyFile]
    try {
      await using server = await startRedis(
        [...files, '--tls-ca-cert-file', certificate.certFile, '--tls-auth-clients', 'no'],
        { tls: true },
      )
      const address = { ...parseStoreUrl(server.url), ca: certificate.ca.toString() }
      await using trusting = closing(await openRedis(server.url, { address }))
      expect(await trusting.reservations.reserve('x', HOUR_MS)).toBe(true)
      const { log, lines } = withLog()
      await using suspicious = closing(await openRedis(server.url, { log, limits: { connectMs: 300 } }))
      await expect(suspicious.reservations.reserve('y', HOUR_MS)).rejects.toEqual(UNAVAILABLE)
      expect(JSON.stringify(lines)).toContain('self-signed certificate')
      expect(await trusting.reservations.reserve('y', HOUR_MS)).toBe(true)
    } finally {
      certificate.remove()
    }
  })
})

describe('sentinels', () => {
  it('name the master, also after a failover', async () => {
    await using first = await startRedis()
    await using second = await startRedis(['--replicaof', `127.0.0.1 ${first.port}`])
    await eventually(() => expect(second.cli('info', 'replication')).toContain('master_link_status:up'))
    await using sentinel = await startSentinel(first)
    const url = `redis://127.0.0.1:${sentinel.port},127.0.0.1:1?sentinel=main`
    await using stores = closing(await openRedis(url, { ...NO_GRACE }))
    const heard: string[] = []
    stores.topics.subscribe(
      'a',
      (message) => heard.push(message),
      () => heard.push('gap'),
    )
    await eventually(() => expect(heard).toEqual(['gap']))
    const family = newFamily()
    await stores.families.begin(family, HOUR_MS)
    await stores.families.advance(family, 0)
    expect(first.cli('wait', '1', '5000')).toBe('1')
    await eventually(() => expect(sentinel.cli('sentinel', 'replicas', 'main')).toContain(`${second.port}`))

    await eventually(() => expect(sentinel.cli('sentinel', 'failover', 'main')).toBe('OK'), 30_000)
    await eventually(() => expect(second.cli('role')).toMatch(/^master/), 30_000)
    await first.kill()
    await eventually(async () => expect(await stores.families.standing(family, 1)).toBe('current'), 30_000)
    expect(await eventually(() => stores.families.advance(family, 0))).toBe('reused')
    await eventually(() => expect(heard.slice(0, 2)).toEqual(['gap', 'gap']), 30_000)
    await eventually(() => stores.topics.publish('a', 'after'))
    await eventually(() => expect(heard).toContain('after'))
  }, 60_000)

  it('a master that was demoted is left', async () => {
    await using server = await startRedis()
    await using stores = closing(await openRedis(server.url))
    const connection = () => /^id=(\d+) .*name=octo-sts /m.exec(server.cli('client', 'list'))?.[1]
    const before = await eventually(() => expect(connection()).toMatch(/^\d+$/)).then(connection)
    server.cli('replicaof', '127.0.0.1', '1')
    await expect(stores.reservations.reserve('x', HOUR_MS)).rejects.toEqual(UNAVAILABLE)
    // Where the name stands for another server meanwhile, only a new connection finds it.
    await eventually(() => expect(connection()).toMatch(/^\d+$/))
    await eventually(() => expect(connection()).not.toBe(before))
    await eventually(() => expect(stores.isHealthy()).toBe(false))
    server.cli('replicaof', 'no', 'one')
    await eventually(async () => expect(await stores.reservations.reserve('x', HOUR_MS)).toBe(true))
    await eventually(() => expect(stores.isHealthy()).toBe(true))
  })
})

describe('the operator’s choice', () => {
  const needs = { clock: createControlledClock(), log: withLog().log }

  test('without an address is the memory of the process', async () => {
    await using stores = closing(await openStores({ address: undefined, ...needs }))
    expect(stores.kind).toBe('memory')
    expect(await stores.reservations.reserve('x', HOUR_MS)).toBe(true)
  })

  it('with an address is the server there', async () => {
    await using server = await startRedis()
    await using stores = closing(await openStores({ address: parseStoreUrl(server.url), ...needs }))
    expect(stores.kind).toBe('redis')
    expect(await stores.reservations.reserve('x', HOUR_MS)).toBe(true)
    expect(server.cli('dbsize')).toBe('2') // the reservation, and the sign of life
  })
})
