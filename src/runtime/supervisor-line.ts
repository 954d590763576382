import cluster from 'node:cluster'

/** What a worker hears of its supervisor. */
export type ToWorker =
  | { readonly kind: 'stop' }
  /** Asks for the metrics as they are now. */
  | { readonly kind: 'count' }
  /** What a worker, this one or another, has published. */
  | Published

/** What a worker tells its supervisor. */
export type ToSupervisor =
  | { readonly kind: 'listening'; readonly port: number }
  | { readonly kind: 'ready' }
  /** As prom-client's registry has them as JSON. */
  | { readonly kind: 'counted'; readonly metrics: readonly object[] }
  | Published

export interface Published {
  readonly kind: 'published'
  readonly topic: string
  readonly message: string
}

/** A worker's line to the supervisor that started it: the channel that node:cluster opens between them. */
export interface SupervisorLine {
  /** Counts from 1 with each worker that the supervisor starts. */
  readonly workerId: number
  /** Resolves when the message was handed over, or can never be. */
  tell(message: ToSupervisor): Promise<void>
  /** Until the returned function is called. */
  hear(listener: (message: ToWorker) => void): () => void
  /** Lets the process end by itself. */
  close(): void
}

/** undefined in a process that is nobody's worker. */
export function supervisorLine(): SupervisorLine | undefined {
  const { worker } = cluster
  if (worker === undefined) return undefined
  return {
    workerId: worker.id,
    tell: (message) =>
      new Promise((resolve) => {
        if (!worker.isConnected()) resolve()
        else worker.send(message, () => resolve())
      }),
    hear(listener) {
      worker.on('message', listener)
      return () => void worker.off('message', listener)
    },
    close: () => {
      if (worker.isConnected()) worker.disconnect()
    },
  }
}
