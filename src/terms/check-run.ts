/** A check run as it is to be seen. */
export interface CheckRun {
  /** Its run at GitHub, to be changed; undefined: a new one. */
  readonly id: number | undefined
  readonly name: string
  readonly commit: string
  /** undefined: it is not done yet. */
  readonly conclusion: 'success' | 'failure' | undefined
  readonly title: string
  /** Markdown, at most 65,535 characters. */
  readonly summary: string
  readonly annotations: readonly CheckAnnotation[]
}

export interface CheckAnnotation {
  readonly path: string
  readonly line: number
  /** undefined: the whole line. */
  readonly column: number | undefined
  readonly level: 'failure' | 'warning'
  readonly message: string
}
