// Knows the handshake load: connect, switch, Close both ways, end of TCP by the server, and again.
import type { Run, Target } from '../questions.ts'
import type { HandshakeWorkload } from '../workloads.ts'
import { Lane } from './lane.ts'
import { maskedFrame } from './ring.ts'
import { type Session, Window } from './session.ts'

/** Close with code 1000 (RFC 6455 section 5.5.1). */
const closeFrame = maskedFrame(0x88, Buffer.from([0x03, 0xe8]))

export function createHandshake(target: Target, workload: HandshakeWorkload): Session {
  let window: Window | undefined

  function begin(current: Window): void {
    let answered = false
    current.outstanding++
    new Lane(target, {
      open: (lane) => lane.write(closeFrame),
      data(_lane, chunk) {
        if (chunk[0] !== 0x88) throw new Error('the server did not answer Close with Close')
        answered = true
      },
      closed(_lane, error) {
        current.outstanding--
        if (error !== undefined || !answered) {
          current.fail(error ?? new Error('the server closed a connection without Close'))
          return
        }
        current.messages++
        if (current.open) begin(current)
        else if (current.outstanding === 0) current.finish()
      },
    })
  }

  return {
    open: async () => {},
    async run({ durationMs }: Run) {
      window = new Window(durationMs)
      for (let lane = 0; lane < workload.connections; lane++) begin(window)
      return await window.done
    },
    close() {},
  }
}
