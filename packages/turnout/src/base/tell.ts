// Knows how to call those who are told of errors: what they throw, or reject with, is a warning and ends nothing.

export function tell(call: () => unknown): void {
  try {
    const returned = call() as { then?: unknown } | undefined | null
    if (typeof returned?.then === 'function') Promise.resolve(returned).catch(warn)
  } catch (error) {
    warn(error)
  }
}

export function warn(error: unknown): void {
  process.emitWarning(error instanceof Error ? error : new Error(`thrown: ${String(error)}`))
}
