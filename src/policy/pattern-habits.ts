import { type PatternNode, patternTree } from './pattern-tree.ts'

/** True for a pattern that matches every text of at least one character without a line break: `.*`, `^(.+)$` and their like. */
export function matchesAnything(pattern: string): boolean {
  const tree = patternTree(pattern)
  const core = tree === undefined ? undefined : coreOf(tree)
  return core?.kind === 'repetition' && UNBOUNDED.test(core.operator) && isDot(coreOf(core.of))
}

/**
 * The words around a dot that stands between letters or digits and was surely meant as a dot (`token.actions`), although it
 * matches any character; undefined when there is none.
 */
export function unescapedDot(pattern: string): string | undefined {
  const tree = patternTree(pattern)
  return tree === undefined ? undefined : dotIn(tree)
}

/** What is left without anchors and groups. */
function coreOf(node: PatternNode): PatternNode {
  if (node.kind !== 'sequence') return node
  const [part, ...others] = node.parts.filter(({ kind }) => kind !== 'assertion')
  return part === undefined || others.length > 0 ? node : coreOf(part)
}

function dotIn(node: PatternNode): string | undefined {
  switch (node.kind) {
    case 'character':
    case 'assertion':
      return undefined
    case 'sequence':
      return dotAmong(node.parts) ?? firstDot(node.parts)
    case 'alternation':
      return firstDot(node.branches)
    case 'repetition':
      return dotIn(node.of)
  }
}

function firstDot(nodes: readonly PatternNode[]): string | undefined {
  for (const node of nodes) {
    const found = dotIn(node)
    if (found !== undefined) return found
  }
  return undefined
}

function dotAmong(parts: readonly PatternNode[]): string | undefined {
  const text = parts
    .map((part) => (isDot(part) ? DOT : part.kind === 'character' ? (part.literal ?? ' ') : ' '))
    .join('')
  return DOT_BETWEEN_WORDS.exec(text)?.[0].replaceAll(DOT, '.')
}

function isDot(node: PatternNode): boolean {
  return node.kind === 'character' && node.literal === undefined && node.source === '.'
}

/** Stands for a dot of the pattern's, while `.` is the escaped one; no pattern for names holds it. */
const DOT = '\ue000'
const DOT_BETWEEN_WORDS = /[A-Za-z0-9]+\ue000[A-Za-z0-9]+/
const UNBOUNDED = /^(?:\*|\+|\{[01],\})/
