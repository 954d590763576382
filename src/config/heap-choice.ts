import { readBoolean } from './values.ts'

/** Whether `SMALL_HEAP` is false, or Node.js' own options say how much memory to use: whoever sets them is not overruled. */
export function leavesHeapToV8(
  env: Readonly<Record<string, string | undefined>>,
  nodeArguments: readonly string[],
): boolean {
  const wanted = readBoolean(env['SMALL_HEAP'] ?? '')
  if ('value' in wanted && !wanted.value) return true
  return [...nodeArguments, env['NODE_OPTIONS'] ?? ''].some((options) => MEMORY_OPTION.test(options))
}

const MEMORY_OPTION =
  /--(?:(?:min|max)[-_]semi[-_]space[-_]size|max[-_](?:old[-_]space|heap)[-_]size|heap[-_]growing[-_]percent|semi[-_]space[-_]growth[-_]factor|optimize[-_]for[-_]size)/
