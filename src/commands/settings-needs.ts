import type { SettingsNeeds } from '../config/settings.ts'
import { parsePrivateKey } from '../github/private-key.ts'
import { compilePattern } from '../policy/pattern.ts'

/** What the configuration must ask other parts: whether a key or a pattern is one. */
export const SETTINGS_NEEDS: Pick<SettingsNeeds, 'compilePattern' | 'checkPrivateKey'> = {
  checkPrivateKey: parsePrivateKey,
  compilePattern(source) {
    const compilation = compilePattern(source)
    if (!compilation.ok) throw new Error(compilation.fault)
    return compilation.matcher
  },
}
