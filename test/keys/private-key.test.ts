import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import { createKeySigner, parsePrivateKey } from '../../src/keys/private-key.ts'

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const PKCS1 = privateKey.export({ type: 'pkcs1', format: 'pem' }).toString()
const PKCS8 = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()

describe('a private key', () => {
  test.each([
    ['PKCS#1', PKCS1],
    ['PKCS#8', PKCS8],
    ['one line with \\n written out', PKCS1.replaceAll('\n', '\\n')],
    ['\\r\\n written out', PKCS8.replaceAll('\n', '\\r\\n')],
    ['CRLF', PKCS8.replaceAll('\n', '\r\n')],
    ['blank lines around it', `\n\n  ${PKCS1}\n\n`],
    ['no line break at the end', PKCS1.trim()],
    ['quotes around it', `"${PKCS1.trim().replaceAll('\n', '\\n')}"`],
  ])('is read from %s', async (_, pem) => {
    const key = parsePrivateKey(pem)
    const signature = await createKeySigner(key)('header.payload')
    expect(verify('RSA-SHA256', Buffer.from('header.payload'), createPublicKey(PKCS1), signature)).toBe(true)
  })

  const small = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey.export({ type: 'pkcs1', format: 'pem' })
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' })
  const locked = privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' })

  test.each([
    ['nothing', '', 'the private key is empty'],
    ['no PEM', 'secret', 'the private key is no PEM: it must begin with "-----BEGIN RSA PRIVATE KEY-----"'],
    [
      'a first line alone',
      '-----BEGIN RSA PRIVATE KEY-----',
      'the private key is cut off: "-----END RSA PRIVATE KEY-----" is missing',
    ],
    [
      'a public key',
      createPublicKey(PKCS1).export({ type: 'spki', format: 'pem' }),
      'the PEM holds a public key, not a private key',
    ],
    ['a passphrase', locked, 'the private key is protected by a passphrase: store it without one'],
    [
      'damage',
      PKCS1.replace(/\n.{20}/, '\nAAAA'),
      'the private key cannot be read: it is damaged, or no RSA key in PKCS#1 or PKCS#8',
    ],
    ['1024 bits', small, 'the private key has 1024 bits; RS256 needs at least 2048'],
    ['an elliptic curve', ec, 'the private key is of the kind ec; a GitHub App has an RSA key'],
  ])('is refused with %s', (_, pem, message) => {
    expect(() => parsePrivateKey(pem.toString())).toThrow(new Error(message))
  })
})
