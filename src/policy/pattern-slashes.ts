import { escapeUnprintable } from '../terms/text.ts'
import { type PatternNode, patternTree } from './pattern-tree.ts'

/**
 * What is wrong with the slashes of a pattern for issuers, or undefined when each of them stands fixed: nothing variable in
 * the pattern matches `/`, and no `/` is inside a repetition, an option or an alternation (contract §6). So everything it
 * matches has its slashes where the pattern has them, and none of it can move from the host into the path. Decided on the
 * syntax tree; what the tree does not understand is refused.
 */
export function slashFault(pattern: string): string | undefined {
  const tree = patternTree(pattern)
  return tree === undefined ? 'has a syntax that can not be checked for slashes: write it more plainly' : faultIn(tree)
}

function faultIn(node: PatternNode): string | undefined {
  switch (node.kind) {
    case 'assertion':
      return undefined
    case 'character':
      return node.slash === 'maybe' ? canMatch(node.source) : undefined
    case 'sequence':
      return firstFault(node.parts)
    case 'alternation':
      return firstFault(node.branches) ?? (node.branches.some(hasSlash) ? 'has a "/" inside an alternation' : undefined)
    case 'repetition':
      return faultIn(node.of) ?? (hasSlash(node.of) ? `has a "/" under the repetition "${node.operator}"` : undefined)
  }
}

function firstFault(nodes: readonly PatternNode[]): string | undefined {
  for (const node of nodes) {
    const fault = faultIn(node)
    if (fault !== undefined) return fault
  }
  return undefined
}

function canMatch(source: string): string {
  const instead = source === '.' ? 'write \\. for a dot, or [a-z0-9-] for a part of a name' : 'leave "/" out of it'
  return `has "${escapeUnprintable(source.slice(0, EXCERPT_LIMIT))}", which may match "/": ${instead}`
}

function hasSlash(node: PatternNode): boolean {
  switch (node.kind) {
    case 'assertion':
      return false
    case 'character':
      return node.slash !== 'never'
    case 'sequence':
      return node.parts.some(hasSlash)
    case 'alternation':
      return node.branches.some(hasSlash)
    case 'repetition':
      return hasSlash(node.of)
  }
}

const EXCERPT_LIMIT = 100
