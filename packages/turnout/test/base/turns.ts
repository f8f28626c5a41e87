// Knows how to let the event loop go on: by a turn, or until something has come about.

/** Everything that is due by now gets its turn. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

const PATIENCE_MS = 10_000

/** @param what for the error, where it does not come about within ten seconds */
export async function until(holds: () => boolean, what: string = String(holds)): Promise<void> {
  for (const startMs = performance.now(); !holds(); await turn()) {
    if (performance.now() - startMs > PATIENCE_MS) {
      throw new Error(`did not come about within ${PATIENCE_MS / 1000} s: ${what}`)
    }
  }
}
