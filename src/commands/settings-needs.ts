import { createPublicKey, X509Certificate } from 'node:crypto'
import type { ReaderNeeds } from '../config/reader.ts'
import type { SettingsNeeds } from '../config/settings.ts'
import { parsePrivateKey } from '../github/private-key.ts'
import { compilePattern } from '../policy/pattern.ts'
import { parseStoreUrl } from '../store/store-address.ts'

/** What the configuration must ask other parts: whether a key, a certificate, a pattern or a store's URL is one. */
export const SETTINGS_NEEDS: Omit<SettingsNeeds, keyof ReaderNeeds> = {
  checkPrivateKey: parsePrivateKey,
  checkStoreUrl: parseStoreUrl,
  isPublicKey(jwk) {
    try {
      const key = createPublicKey({ key: { ...jwk }, format: 'jwk' })
      // Node makes a key of a few bits out of a modulus that is no base64url.
      return key.asymmetricKeyType !== 'rsa' || (key.asymmetricKeyDetails?.modulusLength ?? 0) >= RSA_BITS_LEAST
    } catch {
      return false
    }
  },
  checkCertificate: (pem) => void new X509Certificate(pem),
  compilePattern(source) {
    const compilation = compilePattern(source)
    if (!compilation.ok) throw new Error(compilation.fault)
    return compilation.matcher
  },
}

/** Contract §5. */
const RSA_BITS_LEAST = 2_048
