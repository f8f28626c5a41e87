// Knows duties of a client that show on the wire only, where no source file of its own answers for them.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { MisuseError } from '../../src/base/errors.ts'
import { upgrade } from '../../src/upgrade/client.ts'
import { connect } from '../../src/websocket/client.ts'
import { fieldOf, head, type RawRequest, rawServer } from '../upgrade/raw-server.ts'
import { switchFor, webSocketServer } from '../websocket/raw-websocket.ts'

const bounded = { timeout: 10_000 }
const SWITCH = head('HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', 'Upgrade: example/1')
const INTERIM = [
  head('HTTP/1.1 100 Continue'),
  head('HTTP/1.1 102 Processing'),
  head('HTTP/1.1 103 Early Hints', 'Link: </style.css>; rel=preload', 'Upgrade: foo', 'Connection: Upgrade'),
  head('HTTP/1.1 199 Whatever'),
].join('')

async function server(t: TestContext, answer: (request: RawRequest) => void) {
  const raw = await rawServer(answer)
  t.after(() => raw.close())
  return raw
}

for (const [how, write] of [
  ['in one packet', (text: string, { socket }: RawRequest) => void socket.write(text)],
  ['byte by byte', drip],
] as const) {
  test(`RFC 9110 section 15.2: every 1xx before the answer is passed over, ${how}`, bounded, async (t) => {
    const switching = await server(t, (request) => void write(`${INTERIM}${SWITCH}first`, request))
    const taken = await upgrade(switching.url, { protocols: 'example/1' })
    assert.equal(taken.protocol, 'example/1')
    t.after(() => taken.stream?.destroy())
    for await (const chunk of taken.stream!) {
      assert.ok('first'.startsWith(String(chunk)))
      break
    }

    const declining = await server(
      t,
      (request) => void write(`${INTERIM}${head('HTTP/1.1 204 No')}`, request),
    )
    const declined = await upgrade(declining.url, { protocols: 'example/1' })
    assert.deepEqual([declined.protocol, declined.response.statusCode], [undefined, 204])
    declined.response.resume()

    const { wsUrl } = await webSocketServer(t, (request) => void write(INTERIM + switchFor(request), request))
    const socket = await connect(wsUrl)
    t.after(() => socket.terminate())
  })
}

test(
  'RFC 9110 section 7.6.1: no Connection of the application names a field that every recipient needs',
  bounded,
  async (t) => {
    const { url, requests } = await server(t, ({ socket }) => socket.write(SWITCH))
    for (const option of ['Host', 'cache-control', 'keep-alive, AUTHORIZATION', 'Content-Length']) {
      const headers = { Connection: option }
      await assert.rejects(
        upgrade(url, { protocols: 'example/1', headers }),
        (error) => error instanceof MisuseError && /RFC 9110 section 7\.6\.1/.test(error.message),
      )
      // A WebSocket handshake has its Connection to itself.
      await assert.rejects(connect(url, { headers }), MisuseError)
    }
    assert.equal(requests.length, 0)
    const headers = { Connection: 'X-Hop', 'X-Hop': '1' }
    const { stream } = await upgrade(url, { protocols: 'example/1', headers })
    stream?.destroy()
    assert.equal(fieldOf(requests[0]!.head, 'Connection'), 'X-Hop, Upgrade')
  },
)

test(
  'RFC 6455 section 3: a fragment names nothing on a server, and is misuse before anybody connects',
  bounded,
  async (t) => {
    const { wsUrl, connections } = await webSocketServer(t)
    for (const url of [`${wsUrl}#`, `${wsUrl}#part`, `${wsUrl}?a=b#part`]) {
      await assert.rejects(
        connect(url),
        (error) => error instanceof MisuseError && /RFC 6455 section 3/.test(error.message),
      )
    }
    assert.equal(connections(), 0)
  },
)

function drip(text: string, { socket }: RawRequest): void {
  const bytes = [...Buffer.from(text, 'latin1')]
  const next = (): void => {
    const byte = bytes.shift()
    if (byte !== undefined && !socket.destroyed) socket.write(Buffer.of(byte), () => setImmediate(next))
  }
  next()
}
