import { isNativeError } from 'node:util/types'
/**
 * Loads a client library that is needed only by who chose its service. Throws an Error that says which package is missing,
 * and for what: `neededBy` is the setting, `KMS_PROVIDER=aws`.
 */
export async function loadPackage<T>(
  load: () => Promise<T>,
  { name, neededBy }: { readonly name: string; readonly neededBy: string },
): Promise<T> {
  try {
    return await load()
  } catch (error) {
    if (isNativeError(error) && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND')
      throw new Error(`${neededBy} needs the package ${name}: npm install ${name}`)
    throw error
  }
}
