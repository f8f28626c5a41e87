// Knows how an example is started and stopped, alone or from a test.
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Turnout } from 'turnout'

export interface Running {
  readonly port: number
  stop(): Promise<void>
}

/** Listens on `port`, or on any free one for 0. */
export async function listen(server: Server, turnout: Turnout, port: number): Promise<Running> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  return {
    port: (server.address() as AddressInfo).port,
    async stop() {
      const closed = new Promise((resolve) => server.close(resolve))
      await turnout.close({ code: 1001, grace: 1_000 })
      server.closeIdleConnections()
      await closed
    },
  }
}
