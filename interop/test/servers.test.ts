// Knows what our client must find in every foreign server, and behind every proxy.
import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import { connect } from 'turnout'
import { payload } from '../src/payload.ts'
import { payloads, type RunningServer } from '../src/peer.ts'
import { bun } from '../src/servers/bun.ts'
import { deno } from '../src/servers/deno.ts'
import { haproxy } from '../src/servers/haproxy.ts'
import { nginx } from '../src/servers/nginx.ts'
import { python } from '../src/servers/python.ts'
import { ws } from '../src/servers/ws.ts'
import { describePeer } from './peers.ts'

const timeout = 60_000

for (const peer of [ws, python, bun, deno, nginx, haproxy]) {
  describePeer(`our client with ${peer.name}`, peer, () => {
    let server: RunningServer
    before(
      async () => {
        server = await peer.start()
      },
      { timeout },
    )
    after(() => server?.stop())

    it('has text and binary of 0 bytes to 1 MiB echoed', { timeout }, async () => {
      const socket = await connect(`${server.origin}/echo`)
      const incoming = socket[Symbol.asyncIterator]()
      for (const { kind, bytes } of payloads) {
        const sent = payload(kind, bytes)
        await socket.send(sent)
        const { value } = await incoming.next()
        assert.equal(
          typeof value,
          typeof sent === 'string' ? 'string' : 'object',
          `${kind} of ${bytes} bytes`,
        )
        const same = typeof sent === 'string' ? value === sent : Buffer.from(sent).equals(value as Buffer)
        assert.ok(same, `${kind} of ${bytes} bytes came back different`)
      }
      const { code, clean } = await socket.close(1000)
      assert.deepEqual({ code, clean }, { code: 1000, clean: true })
      assert.equal((await server.nextEnding()).code, 1000)
    })

    for (const code of [1000, 1001, 1011, 3000, 4999]) {
      it(`closes with ${code} and a reason, and the server hears it`, { timeout }, async () => {
        const socket = await connect(`${server.origin}/echo`)
        const info = await socket.close(code, `because of ${code} 🚃`)
        assert.deepEqual({ code: info.code, clean: info.clean }, { code, clean: true })
        assert.deepEqual(await server.nextEnding(), { code, reason: `because of ${code} 🚃` })
      })

      it(`hears the server close with ${code} and a reason`, { timeout }, async () => {
        const query = new URLSearchParams({ code: String(code), reason: `because of ${code} 🚃` })
        const socket = await connect(`${server.origin}/close?${query}`)
        const info = await socket.closed
        assert.deepEqual(
          { code: info.code, reason: info.reason, clean: info.clean },
          { code, reason: `because of ${code} 🚃`, clean: true },
        )
        await server.nextEnding()
      })
    }

    it('closes without a code, and the server hears 1005', { timeout }, async () => {
      const socket = await connect(`${server.origin}/echo`)
      assert.equal((await socket.close()).clean, true)
      assert.equal((await server.nextEnding()).code, 1005)
    })

    it(`hears the server close without a code as ${peer.plainCloseCode}`, { timeout }, async () => {
      const socket = await connect(`${server.origin}/close`)
      assert.equal((await socket.closed).code, peer.plainCloseCode)
      await server.nextEnding()
    })
  })
}
