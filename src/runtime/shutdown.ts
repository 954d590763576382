/** Waits for SIGTERM or SIGINT. A second one, when the first takes too long for somebody, ends the process at once. */
export function untilStopped(): { readonly signalled: Promise<NodeJS.Signals>; dispose(): void } {
  let resolve: (signal: NodeJS.Signals) => void = () => {}
  const signalled = new Promise<NodeJS.Signals>((settle) => {
    resolve = settle
  })
  let first = true
  const onSignal = (signal: NodeJS.Signals) => {
    if (!first) process.exit(1)
    first = false
    resolve(signal)
  }
  process.on('SIGTERM', onSignal)
  process.on('SIGINT', onSignal)
  return {
    signalled,
    dispose() {
      process.off('SIGTERM', onSignal)
      process.off('SIGINT', onSignal)
    },
  }
}
