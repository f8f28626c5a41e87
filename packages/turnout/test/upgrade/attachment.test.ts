import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { createServer } from 'node:http'
import { test } from 'node:test'
import { createTurnout } from '../../src/index.ts'
import { Attachment } from '../../src/upgrade/attachment.ts'
import type { HttpServer } from '../../src/upgrade/http-server.ts'

function open(): { server: HttpServer; seen: unknown[]; attach(name: string): Attachment } {
  const server = new EventEmitter() as HttpServer
  const seen: unknown[] = []
  return {
    server,
    seen,
    attach: (name) => new Attachment(server, 'pass', (request) => seen.push([name, request])),
  }
}

/** As instrumentation does. Returns what was wrapped. */
function wrapEmit(server: HttpServer): HttpServer['emit'] {
  const inner = server.emit
  server.emit = function (this: EventEmitter, ...args: Parameters<EventEmitter['emit']>) {
    return inner.apply(this, args)
  }
  return inner
}

test('upgrade goes to the attachment, everything else to the listeners', () => {
  const { server, seen, attach } = open()
  server.on('upgrade', () => seen.push('listener'))
  server.on('request', (...args) => seen.push(args))
  attach('a')
  assert.equal(server.emit('upgrade', 1, 2, 3), true)
  assert.equal(server.emit('request', 4, 5), true)
  assert.equal(server.emit('nothing'), false)
  assert.deepEqual(seen, [
    ['a', 1],
    [4, 5],
  ])
})

test('there is a listener, so that Node emits upgrade at all, and it is no other', () => {
  const { server, attach } = open()
  const attachment = attach('a')
  assert.equal(server.listenerCount('upgrade'), 1)
  assert.equal(attachment.hasOthers, false)
  server.on('upgrade', () => {})
  assert.equal(attachment.hasOthers, true)
})

test('who was attached first is asked first, and knows who is below', () => {
  const { server, seen, attach } = open()
  const [a, b] = [attach('a'), attach('b')]
  server.emit('upgrade', 1)
  assert.deepEqual(seen, [['a', 1]])
  assert.deepEqual([a.turnoutBelow, b.turnoutBelow], [true, false])
  a.emitBelow('upgrade', 2)
  assert.deepEqual(seen[1], ['b', 2])
  const c = attach('c')
  b.emitBelow('upgrade', 3)
  assert.deepEqual(seen[2], ['c', 3])
  b.detach()
  a.emitBelow('upgrade', 4)
  assert.deepEqual(seen[3], ['c', 4])
  c.detach()
  assert.equal(a.turnoutBelow, false)
})

test('behind somebody who has wrapped the others it is asked first, and all can leave', () => {
  const { server, seen, attach } = open()
  const a = attach('a')
  const inner = wrapEmit(server)
  const b = attach('b')
  server.emit('upgrade', 1)
  b.emitBelow('upgrade', 2)
  a.detach()
  b.emitBelow('upgrade', 3)
  assert.deepEqual(seen, [
    ['b', 1],
    ['a', 2],
  ])
  b.detach()
  server.emit = inner
  const c = attach('c')
  server.emit('upgrade', 4)
  c.detach()
  assert.deepEqual(seen[2], ['c', 4])
  assert.equal(Object.hasOwn(server, 'emit'), false)
  assert.equal(server.listenerCount('upgrade'), 0)
})

for (const order of ['abc', 'acb', 'bac', 'bca', 'cab', 'cba']) {
  test(`detached as ${order}, nothing is left`, () => {
    const { server, seen, attach } = open()
    const attachments = { a: attach('a'), b: attach('b'), c: attach('c') }
    let left = 'abc'
    for (const name of order) {
      server.emit('upgrade', left)
      assert.deepEqual(seen.at(-1), [left[0], left])
      attachments[name as 'a' | 'b' | 'c'].detach()
      left = left.replace(name, '')
    }
    assert.equal(Object.hasOwn(server, 'emit'), false)
    assert.equal(server.listenerCount('upgrade'), 0)
  })
}

test('an emit that was the server’s own is kept, used and given back', () => {
  const { server, seen, attach } = open()
  const own = function (this: EventEmitter, event: string | symbol, ...args: unknown[]) {
    seen.push(event)
    return EventEmitter.prototype.emit.call(this, event, ...args)
  }
  server.emit = own
  const attachment = attach('a')
  server.emit('request')
  assert.deepEqual(seen, ['newListener', 'request'].slice(1))
  attachment.detach()
  assert.equal(server.emit, own)
})

test('wrapped by somebody else, it steps aside inside', () => {
  const { server, seen, attach } = open()
  const attachment = attach('a')
  wrapEmit(server)
  attachment.detach()
  server.on('upgrade', () => seen.push('listener'))
  server.emit('upgrade', 1)
  assert.deepEqual(seen, ['listener'])
})

test('a prototype patched later is used', () => {
  class Server extends EventEmitter {}
  const server = new Server() as HttpServer
  new Attachment(server, 'pass', () => {})
  let seen = 0
  Server.prototype.emit = () => {
    seen++
    return true
  }
  server.emit('request')
  assert.equal(seen, 1)
})

test('a turnout that was closed takes no server', async () => {
  const turnout = createTurnout()
  await turnout.close()
  assert.throws(() => turnout.attach(createServer()), { code: 'ERR_CLOSED', message: /make another/ })
})
