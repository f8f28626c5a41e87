// Knows what clients see behind the proxy of docs/proxies.md when its servers are restarted one after the other.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { it } from 'node:test'
import { createTurnout, reconnecting } from 'turnout'
import { nginx, nginxWith } from '../src/servers/nginx.ts'
import { freePort, type RunningProxy, startProxy } from '../src/servers/proxied.ts'
import { describePeer } from './peers.ts'

const timeout = 30_000

describePeer('servers behind nginx, as docs/proxies.md sets it up', nginx, () => {
  it('are restarted one after the other, and who was on them is soon on the other', {
    timeout,
  }, async (t) => {
    const ports = [await freePort(), await freePort()] as const
    const front = await startNginx(ports)
    t.after(front.stop)
    const first = await startApp(ports[0])
    const peer = reconnecting(`ws://127.0.0.1:${front.port}/where`, { minDelayMs: 50, maxDelayMs: 100 })
    t.after(() => peer.close())
    const places = peer[Symbol.asyncIterator]()
    assert.equal((await places.next()).value, String(ports[0]))

    const second = await startApp(ports[1])
    await first.stop()
    assert.equal((await places.next()).value, String(ports[1]))
    // By now nginx has found out that the first is not there.
    for (let asked = 0; asked < 4; asked += 1) {
      assert.equal((await fetch(`http://127.0.0.1:${front.port}/`)).status, 200)
    }
    const restarted = await startApp(ports[0])
    t.after(restarted.stop)
    const since = performance.now()
    await second.stop()
    assert.equal((await places.next()).value, String(ports[0]))
    const waited = performance.now() - since
    assert.ok(waited < 5_000, `${waited} ms without a server, with one that listens`)
    assert.equal(peer.lastClose?.clean, true)
  })
})

interface Stoppable {
  stop(): Promise<unknown>
}

/** A server that tells who comes on which port, and goes as docs/server.md has it. */
async function startApp(port: number): Promise<Stoppable> {
  const server = createServer((_request, response) => response.end())
  const turnout = createTurnout()
  turnout.websocket('/where', { open: (socket) => void socket.send(String(port)), message() {} })
  turnout.attach(server)
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return {
    async stop() {
      const closed = once(server, 'close')
      server.close()
      await turnout.close()
      server.closeAllConnections()
      await closed
    },
  }
}

/** With the configuration of the document, but for TLS, paths and ports. */
async function startNginx(upstreams: readonly [number, number]): Promise<RunningProxy> {
  const document = await readFile(new URL('../../../docs/proxies.md', import.meta.url), 'utf8')
  const written = /```nginx\n([\s\S]*?)```/.exec(document)![1]!
  return startProxy(
    nginxWith(({ port }) =>
      written
        .replace('443 ssl', `127.0.0.1:${port}`)
        .replace(/^ *ssl_.*\n/gm, '')
        .replace('127.0.0.1:8001', `127.0.0.1:${upstreams[0]}`)
        .replace('127.0.0.1:8002', `127.0.0.1:${upstreams[1]}`),
    ),
  )
}
