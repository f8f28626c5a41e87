// The load generator: a process of its own that talks to the server which the bench names.
import { answer, type Target } from '../questions.ts'
import { createEcho } from './echo.ts'
import { createFanout } from './fanout.ts'
import { createHandshake } from './handshake.ts'
import { createIdle } from './idle.ts'
import type { Session } from './session.ts'

let session: Session | undefined

answer({
  async open(target) {
    session = createSession(target)
    await session.open()
    return undefined
  },
  async run(run) {
    if (session === undefined) throw new Error('there are no connections')
    return await session.run(run)
  },
  close() {
    session?.close()
    session = undefined
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
