// Knows whose turn it is to connect: one at a time for each host and port (RFC 6455 section 4.1, step 2).

/** Who waits, for each place that someone is connecting to. */
const waiting = new Map<string, Set<() => void>>()

/**
 * Resolves when nobody else is connecting to `place`, in the order of asking; the function ends the turn and may
 * be called more than once. Places are told apart by name: two names of one address do not wait for each other.
 * Rejects with the signal's reason.
 */
export async function takeTurn(place: string, signal: AbortSignal | undefined): Promise<() => void> {
  signal?.throwIfAborted()
  const queue = waiting.get(place)
  if (queue === undefined) waiting.set(place, new Set())
  else await comeUp(queue, signal)
  let ended = false
  return () => {
    if (ended) return
    ended = true
    endTurn(place)
  }
}

/** How many wait for a place, for tests; undefined: nobody is connecting to it. */
export function turnsWaiting(place: string): number | undefined {
  return waiting.get(place)?.size
}

function comeUp(queue: Set<() => void>, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const leave = (): void => {
      queue.delete(go)
      reject(signal?.reason)
    }
    const go = (): void => {
      signal?.removeEventListener('abort', leave)
      resolve()
    }
    queue.add(go)
    signal?.addEventListener('abort', leave, { once: true })
  })
}

function endTurn(place: string): void {
  const queue = waiting.get(place)
  const [next] = queue ?? []
  if (queue === undefined || next === undefined) return void waiting.delete(place)
  queue.delete(next)
  next()
}
