// The load generator: a process of its own that talks to the servers which the bench names.
import { answer, type Target } from '../questions.ts'
import { createEcho } from './echo.ts'
import { createFanout } from './fanout.ts'
import { createHandshake } from './handshake.ts'
import { createIdle } from './idle.ts'
import type { Session } from './session.ts'

const sessions = new Map<string, Session>()

answer({
  async open(target) {
    const session = createSession(target)
    sessions.set(target.peer, session)
    await session.open()
    return undefined
  },
  async run(run) {
    const session = sessions.get(run.peer)
    if (session === undefined) throw new Error(`no connections to ${run.peer}`)
    return await session.run(run)
  },
  close({ peer }) {
    sessions.get(peer)?.close()
    sessions.delete(peer)
    return undefined
  },
})

function createSession(target: Target): Session {
  const { workload } = target
  switch (workload.kind) {
    case 'echo':
      return createEcho(target, workload)
    case 'fanout':
      return createFanout(target, workload)
    case 'handshake':
      return createHandshake(target, workload)
    case 'idle':
      return createIdle(target, workload)
  }
}
