// Knows what every foreign client must find in our server.
import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import { bun } from '../src/clients/bun.ts'
import { chromium } from '../src/clients/chromium.ts'
import { deno } from '../src/clients/deno.ts'
import { node24 } from '../src/clients/node24.ts'
import { python } from '../src/clients/python.ts'
import { undici } from '../src/clients/undici.ts'
import { ws } from '../src/clients/ws.ts'
import { type HouseServer, startHouseServer } from '../src/house-server.ts'
import { payloads, type RunningClient } from '../src/peer.ts'
import { describePeer } from './peers.ts'

const timeout = 60_000

for (const peer of [ws, undici, node24, bun, deno, python, chromium]) {
  describePeer(`our server with ${peer.name}`, peer, () => {
    let server: HouseServer
    let client: RunningClient
    const url = (path: string): string => `${server.origin.replace('http:', 'ws:')}${path}`

    before(
      async () => {
        server = await startHouseServer()
        client = await peer.start(server.origin)
      },
      { timeout },
    )
    after(async () => {
      await client?.stop()
      await server?.stop()
    })

    it('echoes text and binary of 0 bytes to 1 MiB', { timeout }, async () => {
      const report = await client.echo(url('/echo'), [], payloads)
      assert.deepEqual(report, { protocol: '', same: payloads.length, wrong: [] })
      assert.deepEqual(await server.nextEnding(), { code: 1000, reason: '' })
    })

    it('agrees on the first subprotocol of the client that the server speaks (R31)', {
      timeout,
    }, async () => {
      const report = await client.echo(
        url('/echo'),
        ['echo.v9', 'echo.v1', 'echo.v2'],
        [{ kind: 'text', bytes: 5 }],
      )
      assert.deepEqual(report, { protocol: 'echo.v1', same: 1, wrong: [] })
      assert.deepEqual(await server.nextEnding(), { code: 1000, reason: '' })
    })

    for (const code of peer.closeCodes) {
      it(`hears the client close with ${code} and a reason`, { timeout }, async () => {
        const goodbye = { code, reason: `because of ${code} 🚃` }
        const ending = await client.close(url('/echo'), goodbye)
        assert.deepEqual(await server.nextEnding(), goodbye)
        // The code comes back (RFC 6455 section 5.5.1); the reason need not.
        assert.equal(ending.code, code)
      })
    }

    it('hears the client close without a code as 1005', { timeout }, async () => {
      const ending = await client.close(url('/echo'), {})
      assert.deepEqual(await server.nextEnding(), { code: 1005, reason: '' })
      assert.equal(ending.code, 1005)
    })

    for (const code of [1000, 1001, 1011, 3000, 4999]) {
      it(`closes with ${code} and a reason, and the client hears it`, { timeout }, async () => {
        const goodbye = { code, reason: `because of ${code} 🚃` }
        const query = new URLSearchParams({ code: String(code), reason: goodbye.reason })
        const ending = await client.closed(url(`/close?${query}`))
        assert.equal((await server.nextEnding()).code, code)
        assert.deepEqual(ending, goodbye)
      })
    }

    it('closes without a code, and the client hears 1005', { timeout }, async () => {
      const ending = await client.closed(url('/close'))
      assert.equal((await server.nextEnding()).code, 1005)
      assert.deepEqual(ending, { code: 1005, reason: '' })
    })
  })
}
