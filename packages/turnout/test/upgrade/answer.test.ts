import assert from 'node:assert/strict'
import { createServer, type ServerResponse } from 'node:http'
import { test } from 'node:test'
import { sendAnswer, sendResponse, setFields } from '../../src/upgrade/answer.ts'
import { dial, get, listen, type WireResponse } from './wire.ts'

/** What a client reads when the response is written so. */
async function written(
  write: (response: ServerResponse) => unknown,
  request: string = get('/'),
): Promise<WireResponse> {
  const server = createServer((_request, response) => write(response))
  const wire = dial(await listen(server))
  wire.send(request)
  const response = await wire.response({ head: request.startsWith('HEAD') })
  wire.socket.destroy()
  await new Promise((resolve) => server.close(resolve))
  return response
}

test('an answer has its fields, a length, a type and the state of the connection', async () => {
  const response = await written((response) =>
    sendAnswer(response, { status: 403, fields: [['X-A', '1']], body: 'nö\n' }),
  )
  assert.match(response.head, /^HTTP\/1\.1 403 Forbidden\r\n/)
  assert.equal(response.field('x-a'), '1')
  assert.equal(response.field('content-length'), '4')
  assert.equal(response.field('content-type'), 'text/plain; charset=utf-8')
  assert.equal(response.field('connection'), 'keep-alive')
})

test('an answer that closes says so, beside its own Connection', async () => {
  const fields = [
    ['Upgrade', 'a'],
    ['Connection', 'Upgrade'],
  ] as const
  const closing = await written((response) =>
    sendAnswer(response, { status: 426, fields, body: '', close: true }),
  )
  assert.equal(closing.field('connection'), 'Upgrade, close')
  assert.equal(closing.field('content-type'), undefined)
  const plain = await written((response) =>
    sendAnswer(response, { status: 400, fields: [], body: '', close: true }),
  )
  assert.equal(plain.field('connection'), 'close')
})

test('fields replace what was set, except cookies, and may come several times', async () => {
  const response = await written((response) => {
    response.setHeader('Set-Cookie', 'a=1')
    response.setHeader('X-A', 'old')
    setFields(response, [
      ['set-cookie', 'b=2'],
      ['x-a', 'new'],
      ['X-A', 'newer'],
    ])
    response.end()
  })
  assert.deepEqual(response.lines('set-cookie'), ['a=1', 'b=2'])
  assert.deepEqual(response.lines('x-a'), ['new', 'newer'])
})

test('a Response of one piece has a length, one of several has chunks', async () => {
  const one = await written((response) => sendResponse(response, new Response('one')))
  assert.equal(one.field('content-length'), '3')
  const body = new ReadableStream({
    async start(controller) {
      for (const piece of ['one', 'two']) {
        controller.enqueue(Buffer.from(piece))
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
      controller.close()
    },
  })
  const two = await written((response) => sendResponse(response, new Response(body)))
  assert.equal(two.field('transfer-encoding'), 'chunked')
  assert.equal(two.body, 'onetwo')
})

test('a Response without a body, of 204, and to HEAD', async () => {
  const empty = await written((response) => sendResponse(response, new Response(null)))
  assert.equal(empty.field('content-length'), '0')
  const none = await written((response) => sendResponse(response, new Response(null, { status: 204 })))
  assert.equal(none.field('content-length'), undefined)
  let cancelled = false
  const body = new ReadableStream({
    cancel() {
      cancelled = true
    },
  })
  const head = 'HEAD / HTTP/1.1\r\nHost: x\r\n\r\n'
  assert.equal((await written((response) => sendResponse(response, new Response(body)), head)).status, 200)
  assert.equal(cancelled, true)
})

test('a Response does not say how its body is framed', async () => {
  const headers = { 'Transfer-Encoding': 'gzip, chunked', 'Keep-Alive': 'timeout=99' }
  const response = await written((response) => sendResponse(response, new Response('one', { headers })))
  assert.equal(response.field('transfer-encoding'), undefined)
  assert.equal(response.field('keep-alive'), 'timeout=5')
  assert.equal(response.body, 'one')
})
