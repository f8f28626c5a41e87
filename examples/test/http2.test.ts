// Knows an app on HTTP/2 in the compatibility API: Fastify's routes and our WebSockets share one connection.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { it } from 'node:test'
import Fastify from 'fastify'
import { connect, createTurnout } from 'turnout'

it('RFC 8441: Fastify on HTTP/2 answers its routes, and WebSockets go over the same session', {
  timeout: 15_000,
}, async () => {
  const app = Fastify({ http2: true })
  app.get('/', async (request) => `HTTP/${request.raw.httpVersion}`)
  const turnout = createTurnout().websocket('/echo', {
    message: (socket, message) => void socket.send(message),
  })
  turnout.attach(app.server)
  await app.listen({ port: 0, host: '127.0.0.1' })
  const origin = `127.0.0.1:${(app.server.address() as AddressInfo).port}`
  const session = connectHttp2(`http://${origin}`)
  try {
    const page = session.request({ ':path': '/' })
    const [body] = await once(page, 'data')
    assert.equal(String(body), 'HTTP/2.0')
    const socket = await connect(`ws://${origin}/echo`, { http2: session })
    await socket.send('there and back')
    const { value } = await socket[Symbol.asyncIterator]().next()
    assert.equal(value, 'there and back')
    assert.equal((await socket.close(1000)).code, 1000)
    await assert.rejects(connect(`ws://${origin}/nowhere`, { http2: session }), { status: 404 })
  } finally {
    session.destroy()
    await turnout.close()
    await app.close()
  }
})
