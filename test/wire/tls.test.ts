import { execFile } from 'node:child_process'
import { copyFileSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { connect as connectHttp2 } from 'node:http2'
import { request as httpsRequest } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, type TLSSocket } from 'node:tls'
import { promisify } from 'node:util'
import { credentials, Metadata } from '@grpc/grpc-js'
import { afterAll, describe, expect, test } from '@jest/globals'
import { createCertificate } from '../support/certificate-files.ts'
import { BEARER, callGrpc, grpcClient, serve, until } from './fixture.ts'

const run = promisify(execFile)
const certificate = createCertificate()
const { certFile, keyFile, ca } = certificate
const tls = { certFile, keyFile }
afterAll(() => certificate.remove())

/** Handshakes with the given ALPN offer, sends, and returns what was chosen and what came. */
function handshake(
  port: number,
  options: object,
  bytes: string,
): Promise<{ alpn: unknown; text: string; cn: unknown }> {
  return new Promise((resolve, reject) => {
    const socket: TLSSocket = connect({ port, host: '127.0.0.1', ca, ...options }, () => socket.write(bytes))
    socket.on('error', reject)
    socket.once('data', (chunk: Buffer) => {
      const { alpnProtocol: alpn } = socket
      const cn = socket.getPeerCertificate().subject.CN
      socket.destroy()
      resolve({ alpn, text: chunk.toString('latin1'), cn })
    })
  })
}

const GET = 'GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n'
const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0'

describe('TLS', () => {
  test('gRPC, HTTP/2 and HTTP/1.1', async () => {
    await using wire = await serve(undefined, { tls })
    const client = grpcClient(wire.port, credentials.createSsl(ca))
    const { error, value } = await callGrpc(client, {}, Metadata.fromHttp2Headers(BEARER))
    client.close()
    expect([error, value?.token]).toEqual([null, 'ghs_test'])

    const session = connectHttp2(wire.url, { ca })
    const stream = session.request({ ':path': '/sts/exchange', ...BEARER })
    expect(await new Promise((resolve) => stream.once('response', (headers) => resolve(headers[':status'])))).toBe(200)
    stream.resume()
    session.close()

    const status = await new Promise((resolve, reject) => {
      const request = httpsRequest(`${wire.url}/sts/exchange`, { ca, headers: BEARER, agent: false }, (response) => {
        response.resume()
        resolve(response.statusCode)
      })
      request.on('error', reject).end()
    })
    expect(status).toBe(200)
  })

  test('curl, over HTTP/1.1 and HTTP/2', async () => {
    await using wire = await serve(undefined, { tls })
    for (const [flag, version] of [
      ['--http1.1', '1.1'],
      ['--http2', '2'],
    ] as const) {
      const options = [
        flag,
        '-sS',
        '--max-time',
        '10',
        '--cacert',
        certFile,
        '-w',
        '%{http_version}',
        '-o',
        '/dev/null',
      ]
      expect((await run('curl', [...options, `${wire.url}/healthz`])).stdout).toBe(version)
    }
  })

  test.each([
    ['h2 and http/1.1', ['h2', 'http/1.1'], PREFACE, 'h2', '\0\0'],
    ['http/1.1 alone, as the Go SDK offers', ['http/1.1'], GET, 'http/1.1', 'HTTP/1.1 200'],
    ['nothing, then HTTP/1.1', undefined, GET, false, 'HTTP/1.1 200'],
    ['nothing, then HTTP/2', undefined, PREFACE, false, '\0\0'],
  ])('ALPN %s', async (_name, ALPNProtocols, bytes, alpn, begins) => {
    await using wire = await serve(undefined, { tls })
    const answer = await handshake(wire.port, ALPNProtocols === undefined ? {} : { ALPNProtocols }, bytes)
    expect(answer.alpn).toBe(alpn)
    expect(answer.text.startsWith(begins)).toBe(true)
  })

  test('nothing below TLS 1.2, and plain text is not answered', async () => {
    await using wire = await serve(undefined, { tls })
    await expect(handshake(wire.port, { maxVersion: 'TLSv1.1', minVersion: 'TLSv1' }, GET)).rejects.toThrow()
    expect((await handshake(wire.port, { maxVersion: 'TLSv1.2' }, GET)).text).toMatch(/^HTTP\/1.1 200/)
    await expect(run('curl', ['-sS', '--max-time', '5', `http://localhost:${wire.port}/healthz`])).rejects.toThrow()
  })

  test('files that are no pair are refused at start', async () => {
    const other = createCertificate()
    await expect(serve(undefined, { tls: { certFile, keyFile: other.keyFile } })).rejects.toThrow(/key values mismatch/)
    await expect(serve(undefined, { tls: { certFile: '/nonexistent', keyFile } })).rejects.toThrow(/ENOENT/)
    other.remove()
  })
})

describe('certificate files that change', () => {
  test('are read again, behind symbolic links too; a bad pair keeps the old one', async () => {
    const next = createCertificate('next')
    const folder = mkdtempSync(join(tmpdir(), 'octo-sts-swap-'))
    for (const [name, from] of [
      ['a', certificate],
      ['b', next],
    ] as const) {
      copyFileSync(from.certFile, join(folder, `${name}.crt`))
      copyFileSync(from.keyFile, join(folder, `${name}.key`))
    }
    const files = { certFile: join(folder, 'tls.crt'), keyFile: join(folder, 'tls.key') }
    const point = (target: string): void => {
      for (const end of ['crt', 'key']) {
        rmSync(join(folder, `tls.${end}`), { force: true })
        symlinkSync(`${target}.${end}`, join(folder, `tls.${end}`))
      }
    }
    point('a')
    await using wire = await serve(undefined, { tls: files, limits: { certificateLookMs: 5 } })
    const served = async () => (await handshake(wire.port, { rejectUnauthorized: false }, GET)).cn
    expect(await served()).toBe('localhost')

    point('b')
    await until(() => wire.logged.some((line) => line.includes('was replaced')))
    expect(await served()).toBe('next')

    writeFileSync(join(folder, 'b.crt'), 'no certificate')
    await until(() => wire.logged.some((line) => line.includes('cannot be replaced')))
    expect(await served()).toBe('next')

    point('a')
    await until(() => wire.logged.filter((line) => line.includes('was replaced')).length === 2)
    expect(await served()).toBe('localhost')
    rmSync(folder, { recursive: true })
    next.remove()
  })
})
