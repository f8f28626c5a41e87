// Knows how a server that runs as a child is put behind the contract.
import { startChild } from '../child.ts'
import type { RunningServer } from '../peer.ts'

/** The child writes `{"port": …}` once, then a line for the end of each connection. */
export async function childServer(program: string, args: readonly string[]): Promise<RunningServer> {
  const child = startChild(program, args)
  const { port } = await child.next<{ port: number }>()
  return {
    origin: `ws://127.0.0.1:${port}`,
    nextEnding: () => child.next(),
    stop: () => child.stop(),
  }
}
