/** What of re2js's automaton is read here: states as they were made by earlier matches, with a table of what follows each. */
export interface Automaton {
  /** By what stands before a text; there is one for the beginning of a value. */
  readonly startStates: ReadonlyMap<number, State>
  /** The class of each character up to U+00FF: what a table is indexed with. */
  readonly latin1Class: Int32Array
  /** Indexes what follows when the value ends. */
  readonly numClasses: number
}

interface State {
  /** Empty when nothing that follows can match any more. */
  readonly nfaStates: readonly unknown[]
  /** Whether what came before the character that led here matches. */
  readonly isMatch: boolean
  /** null, and null in its places, where no match has come yet. */
  readonly nextAnchored: readonly (State | null)[] | null
}

/**
 * Whether the whole of a value matches, by the states that earlier matches have made: a third of what the engine takes
 * for the same, since nothing is made, and nothing called for a character. undefined where the engine must be asked:
 * the value leads to where no value has been, or has a character beyond Latin-1.
 */
export function matchByStates({ startStates, latin1Class, numClasses }: Automaton, value: string): boolean | undefined {
  let state = startStates.get(BEGINNING)
  for (let at = 0; at < value.length; at += 1) {
    const next = state?.nextAnchored?.[latin1Class[value.charCodeAt(at)] ?? -1]
    if (next == null) return undefined
    if (next.nfaStates.length === 0) return false
    state = next
  }
  return state?.nextAnchored?.[numClasses]?.isMatch
}

/** RE2's flags for the beginning of a text (4) and of a line (1). */
const BEGINNING = 5
