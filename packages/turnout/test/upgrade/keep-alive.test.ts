import assert from 'node:assert/strict'
import { Duplex } from 'node:stream'
import { test } from 'node:test'
import { createVirtualClock } from '../../src/base/clock.ts'
import type { Arrival } from '../../src/upgrade/arrival.ts'
import { KeepAlive } from '../../src/upgrade/keep-alive.ts'

function open(server: object = { keepAliveTimeout: 5_000 }) {
  const clock = createVirtualClock()
  const keepAlive = new KeepAlive(clock)
  const stream = Object.assign(new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() }), {
    bytesRead: 7,
  })
  keepAlive.rest({ server, stream, socket: stream } as unknown as Arrival)
  return { clock, keepAlive, stream }
}

test('a connection on which nothing comes is ended after the timeout and its buffer', () => {
  const { clock, stream } = open()
  clock.advance(5_999)
  assert.equal(stream.destroyed, false)
  clock.advance(1)
  assert.equal(stream.destroyed, true)
})

test('the buffer is the server’s where it has one', () => {
  const { clock, stream } = open({ keepAliveTimeout: 5_000, keepAliveTimeoutBuffer: 0 })
  clock.advance(5_000)
  assert.equal(stream.destroyed, true)
})

test('a connection on which something came is left alone', () => {
  const { clock, stream } = open()
  stream.bytesRead++
  clock.advance(10_000)
  assert.equal(stream.destroyed, false)
})

test('a server without the timeout waits for ever', () => {
  for (const server of [{}, { keepAliveTimeout: 0 }]) assert.equal(open(server).clock.waiting, 0)
})

test('a server that closes ends who still waits, and nobody else', () => {
  const [waiting, busy] = [open(), open()]
  busy.stream.bytesRead++
  for (const { keepAlive } of [waiting, busy]) keepAlive.endAll()
  assert.equal(waiting.stream.destroyed, true)
  assert.equal(busy.stream.destroyed, false)
  assert.equal(waiting.clock.waiting + busy.clock.waiting, 0)
})
