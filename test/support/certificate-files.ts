import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { selfSignedCertificate } from './certificate.ts'

export interface TestCertificate {
  readonly certFile: string
  readonly keyFile: string
  /** PEM: what a client must trust. */
  readonly ca: Buffer
  remove(): void
}

/** A self-signed certificate for localhost and 127.0.0.1, as files in a folder of their own. */
export function createCertificate(commonName = 'localhost'): TestCertificate {
  const folder = mkdtempSync(join(tmpdir(), 'octo-sts-certificate-'))
  const certFile = join(folder, 'tls.crt')
  const keyFile = join(folder, 'tls.key')
  const { cert, key } = selfSignedCertificate('localhost', commonName)
  writeFileSync(certFile, cert)
  writeFileSync(keyFile, key)
  return { certFile, keyFile, ca: Buffer.from(cert), remove: () => rmSync(folder, { recursive: true }) }
}
