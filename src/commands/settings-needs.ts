import type { SettingsNeeds } from '../config/settings.ts'
import { parsePrivateKey } from '../github/private-key.ts'
import { compilePattern } from '../policy/pattern.ts'
import { parseStoreUrl } from '../store/store-address.ts'

/** What the configuration must ask other parts: whether a key, a pattern or a store's URL is one. */
export const SETTINGS_NEEDS: Pick<SettingsNeeds, 'compilePattern' | 'checkPrivateKey' | 'checkStoreUrl'> = {
  checkPrivateKey: parsePrivateKey,
  checkStoreUrl: parseStoreUrl,
  compilePattern(source) {
    const compilation = compilePattern(source)
    if (!compilation.ok) throw new Error(compilation.fault)
    return compilation.matcher
  },
}
