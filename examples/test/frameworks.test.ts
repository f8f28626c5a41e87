// Knows what must hold in every framework: a route beside the app, an upgrade inside it, and an ordinary answer.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import { after, before, describe, it } from 'node:test'
import { promisify } from 'node:util'
import { getRequestListener } from '@hono/node-server'
import express from 'express'
import fastify from 'fastify'
import { Hono } from 'hono'
import Koa from 'koa'
import { connect, createTurnout } from 'turnout'
import { WebSocket } from 'ws'
import { start as startExpress } from '../src/express/app.ts'
import { start as startFastify } from '../src/fastify/app.ts'
import { start as startHono } from '../src/hono/app.ts'
import { start as startKoa } from '../src/koa/app.ts'
import { listen, type Running } from '../src/running.ts'
import { upgradeRequest, Wire } from './wire.ts'

const frameworks = [
  { name: 'Express', start: startExpress },
  { name: 'Fastify', start: startFastify },
  { name: 'Koa', start: startKoa },
  { name: 'Hono', start: startHono },
]
const timeout = 15_000

for (const { name, start } of frameworks) {
  describe(`turnout and ${name}`, () => {
    let running: Running
    before(async () => {
      running = await start(0)
    })
    after(() => running.stop())

    const login = async (user: string): Promise<string> => {
      const response = await fetch(`http://127.0.0.1:${running.port}/login?user=${user}`, { method: 'POST' })
      assert.equal(response.status, 204)
      return (response.headers.getSetCookie()[0] as string).split(';')[0] as string
    }

    it('a route beside the app takes the connection, for our client and for ws', { timeout }, async () => {
      const socket = await connect(`ws://127.0.0.1:${running.port}/echo`)
      await socket.send('there and back')
      const { value } = await socket[Symbol.asyncIterator]().next()
      assert.equal(value, 'there and back')
      assert.equal((await socket.close(1000)).code, 1000)

      const foreign = new WebSocket(`ws://127.0.0.1:${running.port}/echo`)
      await once(foreign, 'open')
      foreign.send('there and back')
      const [data] = await once(foreign, 'message')
      assert.equal(String(data), 'there and back')
      foreign.close(1000)
      await once(foreign, 'close')
    })

    it('a route inside the app switches after its middleware, whose cookie comes with the 101', {
      timeout,
    }, async () => {
      const cookie = await login('ada')
      const wire = await Wire.open(running.port)
      wire.write(upgradeRequest('/live', [`Cookie: ${cookie}`]))
      const reply = await wire.reply()
      assert.equal(reply.status, 101)
      assert.deepEqual(reply.fields.get('sec-websocket-accept'), ['s3pPLMBiTxaQ9kYGzzhZRbK+xOo='])
      assert.deepEqual(reply.fields.get('set-cookie'), [
        `${cookie}; Path=/; Max-Age=3600; HttpOnly; SameSite=Lax`,
      ])
      // R10: nothing in a 101 may speak of a body.
      assert.equal(reply.fields.has('content-length') || reply.fields.has('transfer-encoding'), false)
      assert.deepEqual(await wire.take(14), Buffer.from('\x81\x0cwelcome, ada', 'latin1'))
      wire.write(Buffer.from('8882000000000fa0', 'hex')) // Close 4000, masked with zeros
      wire.end()
    })

    it('a route inside the app refuses in the words of the app, and the connection goes on', {
      timeout,
    }, async () => {
      const wire = await Wire.open(running.port)
      wire.write(upgradeRequest('/live'))
      const refusal = await wire.reply()
      assert.equal(refusal.status, 401)
      assert.deepEqual(JSON.parse(refusal.body), { error: 'log in first' })
      const cookie = await login('grace')
      wire.write(upgradeRequest('/live', [`Cookie: ${cookie}`]))
      assert.equal((await wire.reply()).status, 101)
      assert.deepEqual(await wire.take(16), Buffer.from('\x81\x0ewelcome, grace', 'latin1'))
      wire.end()
    })

    it('a request without Upgrade for a route inside the app is invited to upgrade (R18)', {
      timeout,
    }, async () => {
      const cookie = await login('mary')
      const wire = await Wire.open(running.port)
      for (let round = 0; round < 2; round += 1) {
        wire.write(`GET /live HTTP/1.1\r\nHost: localhost\r\nCookie: ${cookie}\r\n\r\n`)
        const reply = await wire.reply()
        assert.equal(reply.status, 426)
        assert.deepEqual(reply.fields.get('upgrade'), ['websocket'])
        assert.match(reply.fields.get('connection')?.join(', ') ?? '', /upgrade/i)
        assert.deepEqual(reply.fields.get('sec-websocket-version'), ['13'])
      }
      wire.end()
    })

    it('an upgrade that nobody wants is an ordinary request, and the connection goes on (R11)', {
      timeout,
    }, async () => {
      const wire = await Wire.open(running.port)
      // Three at once: not a byte of what follows may be lost.
      wire.write(upgradeRequest('/') + upgradeRequest('/', ['X-Second: yes']) + upgradeRequest('/live'))
      for (let round = 0; round < 2; round += 1) {
        const reply = await wire.reply()
        assert.equal(reply.status, 200)
        assert.equal(reply.body, `hello from ${name}`)
        assert.equal(reply.fields.has('upgrade'), false)
      }
      assert.equal((await wire.reply()).status, 401)
      wire.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
      assert.equal((await wire.reply()).body, `hello from ${name}`)
      wire.write(upgradeRequest('/echo'))
      assert.equal((await wire.reply()).status, 101)
      wire.end()
    })
  })
}

/** Each answers a POST with the JSON that it read, by whatever the framework reads it with. */
const readers: readonly { readonly name: string; open(): Promise<Server> | Server }[] = [
  {
    name: 'plain Node',
    open: () => {
      const listener: RequestListener = async (request, response) => {
        let text = ''
        for await (const chunk of request) text += chunk
        response.end(JSON.stringify(JSON.parse(text)))
      }
      return createServer(listener)
    },
  },
  {
    name: 'Express',
    open: () => {
      const app = express()
      app.use(express.json())
      app.post('/', (request, response) => void response.json(request.body ?? 'no body'))
      return createServer(app)
    },
  },
  {
    name: 'Fastify',
    async open() {
      const app = fastify()
      app.post('/', (request) => request.body)
      await app.ready()
      return app.server
    },
  },
  {
    name: 'Koa with the body parser of Express',
    open: () => {
      const app = new Koa()
      const parse = promisify(express.json())
      app.use(async (context) => {
        await parse(context.req as express.Request, context.res as express.Response)
        context.body = (context.req as express.Request).body ?? 'no body'
      })
      return createServer(app.callback())
    },
  },
  {
    name: 'Hono',
    open: () => {
      const app = new Hono()
      app.post('/', async (context) => context.json(await context.req.json()))
      return createServer(getRequestListener(app.fetch))
    },
  },
]

describe('a body that comes with an upgrade which nobody takes', () => {
  for (const { name, open } of readers) {
    it(`is read by ${name} as any other, and the connection goes on`, { timeout }, async () => {
      const server = await open()
      const turnout = createTurnout()
      turnout.attach(server)
      const running = await listen(server, turnout, 0)
      const wire = await Wire.open(running.port)
      try {
        const length = ['{"a":1}', 'Content-Length: 7'] as const
        const chunked = ['7\r\n{"a":1}\r\n0\r\n\r\n', 'Transfer-Encoding: chunked'] as const
        // As `curl --http2` asks in every request without TLS.
        const h2c = ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABk']
        for (const upgrade of [['Connection: Upgrade', 'Upgrade: foo'], h2c, []]) {
          for (const [body, framing] of [length, chunked]) {
            const fields = ['Host: localhost', 'Content-Type: application/json', framing, ...upgrade]
            wire.write(`POST / HTTP/1.1\r\n${fields.join('\r\n')}\r\n\r\n${body}`)
            const reply = await wire.reply()
            assert.equal(reply.status, 200)
            assert.deepEqual(JSON.parse(reply.body), { a: 1 })
          }
        }
      } finally {
        wire.end()
        await running.stop()
      }
    })
  }
})
