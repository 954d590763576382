/**
 * A variable of this process that an option names, or that a platform sets for its jobs; undefined also when it is empty.
 * For commands that are clients: the service's own settings are read by settings.ts.
 */
export function environmentVariable(name: string): string | undefined {
  const value = Object.hasOwn(process.env, name) ? process.env[name] : undefined
  return value === '' ? undefined : value
}
