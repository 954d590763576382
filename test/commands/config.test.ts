import { spawnSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'

const MAIN = new URL('../../src/main.js', import.meta.url).pathname
let folder: string
let key: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'octo-sts-config-'))
  key = join(folder, 'app.pem')
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  writeFileSync(key, privateKey.export({ type: 'pkcs1', format: 'pem' }))
})
afterAll(() => rmSync(folder, { recursive: true }))

function config(env: Record<string, string>, ...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, 'config', ...args], { env, encoding: 'utf8' })
  return { status, stdout, stderr }
}

const good = () => ({ STS_DOMAIN: 'sts.example.com', GITHUB_APP_IDS: '42', APP_SECRET_CERTIFICATE_FILE: key })

test('a good configuration is shown with where each value comes from, and ends with 0', () => {
  const file = join(folder, 'octo-sts.yaml')
  writeFileSync(file, 'log_level: debug\nmax_permissions:\n  contents: write\n')
  const { status, stdout, stderr } = config({ ...good(), CONFIG_FILE: file, STORE_URL: 'redis://u:hunter2@store' })
  expect([status, stderr]).toEqual([0, ''])
  const rows = new Map(stdout.split('\n').map((line) => [line.trim().split(/\s+/)[0], line.trim().split(/\s{2,}/)]))
  expect(rows.get('STS_DOMAIN')).toEqual(['STS_DOMAIN', 'sts.example.com', 'environment'])
  expect(rows.get('LOG_LEVEL')).toEqual(['LOG_LEVEL', 'debug', 'CONFIG_FILE line 1'])
  expect(rows.get('MAX_PERMISSIONS')).toEqual(['MAX_PERMISSIONS', 'contents:write', 'CONFIG_FILE line 2'])
  expect(rows.get('PORT')).toEqual(['PORT', '8080', 'default'])
  expect(rows.get('ALLOWED_OWNERS')).toEqual(['ALLOWED_OWNERS', '(all)', 'default'])
  expect(rows.get('STORE_URL')).toEqual(['STORE_URL', 'redis://***@store', 'environment'])
  expect(rows.get('*')).toEqual(['*', 'App 42 (private key ***)'])
})

test('a wrong one is shown as far as it goes, with all problems, and ends with 1', () => {
  const { status, stdout, stderr } = config({ ...good(), PORT: 'http', SELF_WRITE: 'no', LOG_LEVEL: 'debug' })
  expect(status).toBe(1)
  expect(stdout).toMatch(/^ {2}LOG_LEVEL +debug +environment$/m)
  expect(stderr).toBe(`octo-sts config: the configuration has 2 problems:
  PORT must be a whole number from 0 to 65535, not "http"
  SELF_WRITE must be one of allow, deny, not "no"
`)
})

test('a file is read whole to 4 MiB, and one that goes on, such as a device, is refused', () => {
  const certificates = join(folder, 'ca.pem')
  const words = `TLS_CERT_FILE names the file "${certificates}"`
  const stderrOf = (length: number) => {
    writeFileSync(certificates, 'é'.repeat(length / 2))
    return config({ ...good(), TLS_CERT_FILE: certificates, TLS_KEY_FILE: key }).stderr
  }
  expect(stderrOf(4_194_304)).not.toContain('EFBIG')
  expect(stderrOf(4_194_306)).toContain(`${words}, which cannot be read (EFBIG)`)
  expect(config({ ...good(), CONFIG_FILE: '/dev/zero' }).stderr).toContain('which cannot be read (EFBIG)')

  const file = join(folder, 'long.yaml')
  writeFileSync(file, `# ${'é'.repeat(100_000)}\nlog_level: debug\n`)
  const { status, stdout } = config({ ...good(), CONFIG_FILE: file })
  expect(status).toBe(0)
  expect(stdout).toMatch(/^ {2}LOG_LEVEL +debug +CONFIG_FILE line 2$/m)
})

test('without any setting it says what is needed', () => {
  const { status, stderr } = config({})
  expect(status).toBe(1)
  expect(stderr.split('\n').map((line) => line.trim().split(' ')[0])).toEqual([
    'octo-sts',
    'GITHUB_APP_IDS',
    'APP_SECRET_CERTIFICATE_FILE',
    'STS_DOMAIN',
    '',
  ])
})

test('--json is for programs', () => {
  const { status, stdout, stderr } = config({ ...good(), GITHUB_WEBHOOK_SECRET: 'hunter2' }, '--json')
  expect([status, stderr]).toEqual([0, ''])
  const { settings, pools, problems, notes } = JSON.parse(stdout) as Record<string, Record<string, unknown>>
  expect(settings?.['STS_DOMAIN']).toEqual({ value: 'sts.example.com', from: 'environment' })
  expect(settings?.['GITHUB_WEBHOOK_SECRET']).toEqual({ value: ['***'], from: 'environment' })
  expect(settings?.['STORE_URL']).toEqual({ value: null, from: 'default' })
  expect(pools).toEqual([{ owner: '*', apps: [{ id: 42, key: 'private key ***' }] }])
  expect(problems).toEqual([])
  expect(notes).toEqual([expect.stringMatching(/^GITHUB_WEBHOOK_SECRET has a secret \(number 1\) of fewer than 16/)])
})

test.each<readonly [string, string[], Record<string, string>, object]>([
  ['a good one', ['--check'], {}, { status: 0, stdout: 'the configuration is good\n', stderr: '' }],
  [
    'a wrong one',
    ['--check'],
    { PORT: 'x' },
    { status: 1, stdout: '', stderr: expect.stringMatching(/\n {2}PORT must/) },
  ],
  [
    'a remark',
    ['--check'],
    { KMS_PROVIDER: 'aws' },
    { status: 0, stderr: 'octo-sts config: note: KMS_PROVIDER has no effect without KMS_KEYS or APP_CONFIG_FILE\n' },
  ],
  [
    'a wrong one as JSON',
    ['--check', '--json'],
    { PORT: 'x' },
    { status: 1, stdout: expect.stringMatching(/^\{\s+"problems": \[\s+"PORT must [^\]]*\],\s+"notes": \[\]\s+\}\n$/) },
  ],
  [
    'an option that is none',
    ['--chek'],
    {},
    { status: 2, stderr: expect.stringMatching(/^octo-sts config: .*--chek/) },
  ],
  ['a word', ['port'], {}, { status: 2, stderr: expect.stringMatching(/^octo-sts config: .*port/) }],
])('%s: %j', (_, args, env, expected) => {
  expect(config({ ...good(), ...env }, ...args)).toMatchObject(expected)
})
