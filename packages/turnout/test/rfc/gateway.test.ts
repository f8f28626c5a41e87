// Knows duties of an intermediary that show on the wire only: what a gateway made of both sides passes on.
import assert from 'node:assert/strict'
import type { Duplex } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { test } from 'node:test'
import { endToEndFields } from '../../src/http/hop.ts'
import type { Turnout } from '../../src/turnout.ts'
import { upgrade } from '../../src/upgrade/client.ts'
import { connect } from '../../src/websocket/client.ts'
import { clientFrame, openStation, type Station, webSocketHead } from '../upgrade/wire.ts'

/** Passes WebSockets on, as docs/proxies.md has it. */
function passOn(turnout: Turnout, port: () => number): void {
  turnout.protocol<Duplex>(({ name }) => name.toLowerCase() === 'websocket', {
    async accept(request, { url, signal }) {
      const { stream, response } = await upgrade(`http://127.0.0.1:${port()}${url.pathname}${url.search}`, {
        protocols: 'websocket',
        headers: endToEndFields(request.rawHeaders),
        signal,
        agent: false,
      })
      const headers = endToEndFields(response.rawHeaders)
      if (stream) return { data: stream, headers }
      const body = await buffer(response)
      return new Response(body.length > 0 ? body : null, { status: response.statusCode ?? 502, headers })
    },
    async handler(client, _request, { data: server }) {
      await pipeline(client, server, client)
    },
  })
}

/** A server, and a gateway before it. */
async function gatewayTest(script: (gateway: Station, server: Station) => Promise<void>): Promise<void> {
  const server = await openStation({
    setUp: (turnout) =>
      void turnout
        .websocket('/echo', {
          protocols: ['chat'],
          compression: { threshold: 0 },
          accept: ({ headers }) => ({ headers: { 'X-Seen': `${headers.host} ${headers.connection}` } }),
          message: (socket, message) => void socket.send(message),
        })
        .websocket('/nothing', { accept: () => new Response(null, { status: 204 }) })
        .websocket('/private', { accept: () => new Response('who are you?', { status: 401 }) }),
  })
  const gateway = await openStation({ setUp: (turnout) => passOn(turnout, () => server.port) })
  try {
    await script(gateway, server)
    assert.deepEqual([...gateway.errors, ...server.errors], [])
  } finally {
    await gateway.stop()
    await server.stop()
  }
}

test('R8: a gateway passes a WebSocket on as it is: key, subprotocol, compression and close', () =>
  gatewayTest(async ({ port }) => {
    let seen: unknown
    const socket = await connect(`ws://127.0.0.1:${port}/echo?a=b`, {
      protocols: ['chat'],
      compression: { threshold: 0 },
      onResponse: ({ headers }) => void (seen = headers['x-seen']),
    })
    assert.equal(seen, `127.0.0.1:${port} Upgrade`)
    assert.equal(socket.protocol, 'chat')
    assert.match(socket.extensions, /^permessage-deflate/)
    await socket.send('hello')
    assert.equal((await socket[Symbol.asyncIterator]().next()).value, 'hello')
    const { code, clean } = await socket.close(4001, 'enough')
    assert.deepEqual([code, clean], [4001, true])
  }))

test('R8: a gateway relays what the server behind it refuses, and the connection goes on', () =>
  gatewayTest(async ({ dial }) => {
    const wire = dial()
    wire.send(webSocketHead('/private'))
    const refusal = await wire.response()
    assert.deepEqual([refusal.status, refusal.body], [401, 'who are you?'])
    wire.send(webSocketHead('/nothing'))
    assert.equal((await wire.response()).status, 204)
    wire.send(webSocketHead('/echo').replace('Sec-WebSocket-Version: 13', 'Sec-WebSocket-Version: 8'))
    const invitation = await wire.response()
    assert.equal(invitation.status, 426)
    assert.deepEqual(
      ['upgrade', 'sec-websocket-version'].map((name) => invitation.field(name)),
      ['websocket', '13'],
    )
    wire.send(webSocketHead('/echo', ['X-Hop: 1']).replace('keep-alive, Upgrade', 'X-Hop, Upgrade'))
    const switched = await wire.response()
    assert.equal(switched.status, 101)
    assert.equal(switched.field('sec-websocket-accept'), 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=')
    assert.equal(switched.field('x-seen'), 'x Upgrade')
    wire.send(clientFrame('hi'))
    assert.equal(await wire.take(4), '\x81\x02hi')
  }))
