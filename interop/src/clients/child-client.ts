// Knows how a client that runs as a child is put behind the contract.
import { startChild } from '../child.ts'
import type { RunningClient } from '../peer.ts'

/** The child reads a command a line and answers each with its report. */
export function childClient(program: string, args: readonly string[]): RunningClient {
  const child = startChild(program, args)
  return {
    echo(url, protocols, payloads) {
      child.tell({ op: 'echo', url, protocols, payloads })
      return child.next()
    },
    close(url, goodbye) {
      child.tell({ op: 'close', url, goodbye })
      return child.next()
    },
    closed(url) {
      child.tell({ op: 'closed', url })
      return child.next()
    },
    stop: () => child.stop(),
  }
}
