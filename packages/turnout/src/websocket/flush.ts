// Knows who has bytes to send once the current turn is over: one write for each, all in one sweep.
import process from 'node:process'

/** Somebody whose bytes can wait until the turn ends. */
export interface Flushable {
  flush(): void
}

let waiting: Flushable[] = []

/** Flushes `connection` when the JavaScript of this turn has run, with everything else that waits. Once a turn. */
export function flushSoon(connection: Flushable): void {
  if (waiting.push(connection) === 1) process.nextTick(flushAll)
}

function flushAll(): void {
  const due = waiting
  waiting = []
  let flushed = 0
  try {
    for (const connection of due) {
      flushed++
      connection.flush()
    }
  } finally {
    // a write may throw; the others have nothing to do with that
    for (; flushed < due.length; flushed++) flushSoon(due[flushed]!)
  }
}
