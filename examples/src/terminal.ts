// Knows how a server gets on with the terminal it was started from: which port it is told, what it says when it
// cannot listen there, and when it leaves.

/** Where a server was to listen. */
export interface Place {
  readonly host: string
  readonly port: number
  /** Where it listens when nothing is said. */
  readonly usual: number
  /** The command that chooses another port. */
  readonly command: (port: number) => string
}

/** @throws PortError when `given` is no port. Nothing given: `otherwise`. */
export function readPort(name: string, given: string | undefined, otherwise: number): number {
  const port = Number(given || otherwise)
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port
  throw new PortError(`${name} is '${given}', not a number from 0 to 65535.`)
}

/** What to do about a server that did not open, in one line if there is anything to be done. */
export function explain(error: NodeJS.ErrnoException, { host, port, usual, command }: Place): string {
  switch (error.code) {
    case 'EADDRINUSE':
      return `Port ${port} is taken by another program. Choose one that is free: ${command(besides(port))}`
    case 'EACCES':
      return `This user may not listen on port ${port}. Choose one above 1023: ${command(usual)}`
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `HOST is '${host}', which is no address of this machine.`
    default:
      return error instanceof PortError ? error.message : `It cannot open: ${error.stack ?? error}`
  }
}

/** A port that may be free where this one is not. */
export function besides(port: number): number {
  return port < 65_535 ? port + 1 : port - 1
}

/** Calls `leave` on SIGINT or SIGTERM, once: a Ctrl-C comes twice, from the terminal and from npm. */
export function onLeaving(leave: () => void): void {
  let leaving = false
  const told = () => {
    if (leaving) return
    leaving = true
    leave()
    // a process that takes itself apart hears no signal any more, and would die of the second one
    setTimeout(() => {}, SECOND_SIGNAL_MS)
  }
  process.on('SIGINT', told)
  process.on('SIGTERM', told)
}

/** Within so many milliseconds it comes. */
const SECOND_SIGNAL_MS = 200

class PortError extends Error {}
