import { readFile, stat } from 'node:fs/promises'
import { createSecureContext } from 'node:tls'
import type { Logger } from '../runtime/log.ts'

export interface CertificateFiles {
  /** PEM: the certificate, and after it those that lead to its root. */
  readonly certFile: string
  /** PEM: its private key. */
  readonly keyFile: string
}

export interface Certificate {
  readonly cert: Buffer
  readonly key: Buffer
}

/** Reads the pair, and proves that both are PEM and belong together. Throws what the file system or OpenSSL says. */
export async function readCertificate({ certFile, keyFile }: CertificateFiles): Promise<Certificate> {
  const [cert, key] = await Promise.all([readFile(certFile), readFile(keyFile)])
  createSecureContext({ cert, key })
  return { cert, key }
}

/**
 * Reads the pair again when a file has changed, and hands it to `use`. The files are looked at, not watched: Kubernetes
 * swaps symbolic links several folders up, which no watch of a file sees. A pair that is not whole (one file is written
 * before the other) is left alone with an error in the log, and looked at again. Returns what ends it.
 */
export function followCertificate(
  files: CertificateFiles,
  { intervalMs, log }: { readonly intervalMs: number; readonly log: Logger },
  use: (certificate: Certificate) => void,
): () => void {
  let used: string | undefined
  let failed: string | undefined
  let looking = false
  const look = async (): Promise<void> => {
    const found = await fingerprint(files) // before reading: what is written meanwhile is found by the next look
    if (found === used || found === failed) return
    failed = found
    use(await readCertificate(files))
    failed = undefined
    if (used !== undefined) log.info({ certFile: files.certFile }, 'the TLS certificate was replaced')
    used = found
  }
  const tick = (): void => {
    if (looking) return
    looking = true
    look()
      .catch((err: unknown) =>
        log.error({ err, ...files }, 'the TLS certificate cannot be replaced: the old one stays'),
      )
      .finally(() => {
        looking = false
      })
  }
  tick()
  const timer = setInterval(tick, intervalMs).unref()
  return () => clearInterval(timer)
}

/** Equal for files that nobody has touched. */
async function fingerprint({ certFile, keyFile }: CertificateFiles): Promise<string> {
  const stats = await Promise.all([certFile, keyFile].map((file) => stat(file, { bigint: true })))
  return stats.map(({ ino, size, mtimeNs, ctimeNs }) => `${ino}:${size}:${mtimeNs}:${ctimeNs}`).join(' ')
}
