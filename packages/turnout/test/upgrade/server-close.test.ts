import assert from 'node:assert/strict'
import { createServer, type Server, type ServerResponse } from 'node:http'
import { type TestContext, test } from 'node:test'
import { createTurnout } from '../../src/index.ts'
import type { HttpServer } from '../../src/upgrade/http-server.ts'
import { parserRests } from '../../src/upgrade/probe.ts'
import { followClosing } from '../../src/upgrade/server-close.ts'
import { turn, until } from '../base/turns.ts'
import { dial, get, listen, upgradeHead, webSocketHead } from './wire.ts'

function rig() {
  const told: string[] = []
  const holder = { closeIdle: () => void told.push('idle'), closeAll: () => void told.push('all') }
  const server = createServer()
  return { server, told, stop: followClosing(server as unknown as HttpServer, holder) }
}

test('each method of the server is told of, and its close with them, until nobody follows', async () => {
  const { server, told, stop } = rig()
  server.closeIdleConnections()
  server.closeAllConnections()
  assert.deepEqual(told, ['idle', 'all'])
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.close(resolve))
  assert.deepEqual(told, ['idle', 'all', 'idle'])
  stop()
  server.closeIdleConnections()
  assert.equal(told.length, 3)
  assert.deepEqual(
    Object.keys(server).filter((name) => name.endsWith('Connections') && name.startsWith('close')),
    [],
  )
})

test('a method of the server’s own is called and given back; wrapped by somebody else it stays inside', () => {
  const { server, told, stop } = rig()
  const first = server.closeAllConnections
  server.closeAllConnections = () => first.call(server)
  const outer = server.closeAllConnections
  stop()
  server.closeAllConnections()
  assert.deepEqual(told, [])
  assert.equal(server.closeAllConnections, outer)
  let count = 0
  const again = followClosing(server as unknown as HttpServer, {
    closeIdle() {},
    closeAll: () => void count++,
  })
  server.closeAllConnections()
  again()
  assert.equal(count, 1)
  assert.equal(server.closeAllConnections, outer)
})

test('a server that has no such method gets none', () => {
  const server = {} as HttpServer
  followClosing(server, { closeIdle() {}, closeAll() {} })()
  assert.deepEqual(Object.keys(server), [])
})

/** A server whose connection has had an upgrade declined, or an ordinary request answered. */
async function answered(t: TestContext, head: string, settings: Partial<Server> = {}, slow = false) {
  const server = createServer({ connectionsCheckingInterval: 20 }, (_request, response) => {
    if (!slow) response.end('yes')
    else response.write('so far')
  })
  Object.assign(server, settings)
  const turnout = createTurnout().attach(server)
  turnout.protocol('bar', { handler() {} })
  const wire = dial(await listen(server))
  wire.send(head)
  const first = await wire.response({ head: slow })
  if (!slow) assert.equal(first.body, 'yes')
  await turn()
  t.after(async () => {
    wire.socket.destroy()
    await turnout.close({ grace: 1 })
    server.close()
  })
  return { server, wire, turnout, first }
}

for (const [kind, head] of [
  ['a declined upgrade', upgradeHead()],
  ['an ordinary request', get('/')],
] as const) {
  for (const keepAliveTimeout of [0, 60_000]) {
    test(`${kind}: close, closeIdleConnections and closeAllConnections end the connection that waits (${keepAliveTimeout})`, async (t) => {
      for (const how of ['close', 'closeIdleConnections', 'closeAllConnections'] as const) {
        const { server, wire } = await answered(t, head, { keepAliveTimeout })
        server[how]()
        await wire.ended()
        assert.equal(wire.rest, '')
      }
    })

    test(`${kind}: turnout.close and the server's close complete in any order (${keepAliveTimeout})`, async (t) => {
      for (const order of ['server first', 'turnout first']) {
        const { server, turnout } = await answered(t, head, { keepAliveTimeout })
        if (order === 'turnout first') await turnout.close({ grace: 100 })
        const closed = new Promise((resolve) => server.close(resolve))
        if (order === 'server first') await turnout.close({ grace: 100 })
        await closed
      }
    })
  }

  test(`${kind}: closeAllConnections ends an answer that is under way`, async (t) => {
    const { server, wire } = await answered(t, head, {}, true)
    server.closeIdleConnections()
    await turn()
    assert.equal(wire.socket.destroyed, false)
    server.closeAllConnections()
    await wire.ended()
  })

  test(`${kind}: closeAllConnections ends it, too, when the turnout has closed, and then is the server's own`, async (t) => {
    const { server, wire, turnout } = await answered(t, head, {}, true)
    await turnout.close({ grace: 1 })
    server.closeAllConnections()
    await wire.ended()
    await until(() => !Object.hasOwn(server, 'closeAllConnections'))
  })

  // Where the parser cannot wait for a next request, the connection ends before its headersTimeout, without a word.
  const mayOutlast = kind === 'an ordinary request' || parserRests()

  test(`${kind}: no 408 comes while the next request is awaited longer than headersTimeout`, async (t) => {
    const settings = { keepAliveTimeout: 60_000, headersTimeout: 400, requestTimeout: 500 }
    const { wire } = await answered(t, head, settings)
    // Node looks at real time only
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    if (!mayOutlast) return assert.equal(await wire.ended(), '')
    assert.equal(wire.rest, '')
    wire.send(get('/'))
    assert.equal((await wire.response()).body, 'yes')
    wire.send('GET / HTTP/1.1\r\n')
    await until(() => wire.rest.startsWith('HTTP/1.1 408'), 'a 408 for half a request')
  })

  test(`${kind}: the client is told how long the server waits, and no longer than it does`, async (t) => {
    const told = async (settings: Partial<Server>) =>
      (await answered(t, head, settings)).first.field('keep-alive')
    assert.equal(await told({ keepAliveTimeout: 5_000 }), 'timeout=5')
    assert.equal(
      await told({ keepAliveTimeout: 120_000, headersTimeout: 60_000 }),
      mayOutlast ? 'timeout=120' : 'timeout=58',
    )
    assert.equal(await told({ keepAliveTimeout: 120_000, headersTimeout: 0 }), 'timeout=120')
  })
}

test('closeAllConnections ends a connection on which an upgrade waits for an earlier response', async (t) => {
  for (const order of ['before', 'after']) {
    const { server, wire, turnout } = await answered(t, get('/') + upgradeHead(), {}, true)
    if (order === 'after') await turnout.close({ grace: 1 })
    server.closeAllConnections()
    await wire.ended()
  }
})

test('closeAllConnections ends an upgrade whose decision is awaited, also once the turnout is detached', async (t) => {
  for (const detached of [false, true]) {
    let signal: AbortSignal | undefined
    const server = createServer()
    const turnout = createTurnout({ decisionTimeout: Number.POSITIVE_INFINITY }).attach(server)
    turnout.websocket('/', {
      accept: (_request, context) => {
        signal = context.signal
        return new Promise<never>(() => {})
      },
      handler() {},
    })
    const wire = dial(await listen(server))
    t.after(() => {
      wire.socket.destroy()
      server.close()
    })
    wire.send(webSocketHead('/'))
    await until(() => signal !== undefined)
    if (detached) turnout.detach(server)
    server.closeIdleConnections()
    await turn()
    assert.equal(wire.socket.destroyed, false)
    server.closeAllConnections()
    assert.equal(await wire.ended(), '')
    await until(() => signal?.aborted === true)
    if (detached) await until(() => !Object.hasOwn(server, 'closeAllConnections'))
  }
})

test('closeAllConnections ends an upgrade whose body is awaited, closeIdleConnections does not', async (t) => {
  for (const how of ['all', 'idle']) {
    const server = createServer()
    const turnout = createTurnout().attach(server)
    let decided = false
    turnout.protocol('foo', {
      accept: () => {
        decided = true
        return {}
      },
      handler: (stream) => void stream.end('switched'),
    })
    const wire = dial(await listen(server))
    t.after(() => {
      wire.socket.destroy()
      server.close()
    })
    wire.send(upgradeHead({ fields: ['Content-Length: 4'] }), 'bo')
    await until(() => decided)
    for (let turns = 0; turns < 5; turns++) await turn()
    if (how === 'all') {
      server.closeAllConnections()
      assert.equal(await wire.ended(), '')
    } else {
      server.closeIdleConnections()
      wire.send('dy')
      assert.equal((await wire.response()).status, 101)
      assert.equal(await wire.ended(), 'switched')
    }
  }
})

test('closeAllConnections ends a declined upgrade that had waited while the turnout was detached', async (t) => {
  const asked: ServerResponse[] = []
  const server = createServer((_request, response) => void asked.push(response))
  const turnout = createTurnout().attach(server)
  turnout.protocol('bar', { handler() {} })
  const wire = dial(await listen(server))
  t.after(() => {
    wire.socket.destroy()
    server.close()
  })
  wire.send(get('/') + upgradeHead({ upgrade: 'unknown' }))
  await until(() => asked.length === 1)
  for (let turns = 0; turns < 5; turns++) await turn()
  turnout.detach(server)
  asked[0]!.end('first')
  await until(() => asked.length === 2)
  server.closeAllConnections()
  await wire.ended()
  await until(() => !Object.hasOwn(server, 'closeAllConnections'))
})
