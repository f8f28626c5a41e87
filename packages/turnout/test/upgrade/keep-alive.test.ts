import assert from 'node:assert/strict'
import { Duplex } from 'node:stream'
import { test } from 'node:test'
import { createVirtualClock } from '../../src/base/clock.ts'
import type { Arrival } from '../../src/upgrade/arrival.ts'
import { KeepAlive } from '../../src/upgrade/keep-alive.ts'

function open(server: object = { keepAliveTimeout: 5_000 }, keepAlive?: KeepAlive) {
  const clock = createVirtualClock()
  keepAlive ??= new KeepAlive(clock)
  const stream = Object.assign(new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() }), {
    bytesRead: 7,
  })
  const arrival = { server, stream, socket: stream } as unknown as Arrival
  keepAlive.rest(arrival)
  return { clock, keepAlive, stream, arrival }
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

test('a server without the timeout waits for ever, but not longer than it lives', () => {
  for (const server of [{}, { keepAliveTimeout: 0 }]) {
    const { clock, keepAlive, stream } = open(server)
    clock.advance(3_600_000)
    assert.equal(stream.destroyed, false)
    keepAlive.endAll()
    assert.equal(clock.waiting, 0)
    assert.equal(stream.destroyed, true)
  }
})

for (const how of ['endAll', 'endForGood', 'closeIdle', 'closeAll'] as const) {
  test(`${how} ends who still waits, and nobody else`, () => {
    const server = { keepAliveTimeout: 5_000 }
    const [waiting, busy] = [open(server), open(server)]
    busy.stream.bytesRead++
    for (const { keepAlive } of [waiting, busy]) keepAlive[how](server as never)
    assert.equal(waiting.stream.destroyed, true)
    assert.equal(busy.stream.destroyed, false)
    assert.equal(waiting.clock.waiting + busy.clock.waiting, 0)
  })
}

test('who has gone, or goes on, is forgotten within a minute', () => {
  for (const act of [
    (stream: Duplex) => stream.destroy(),
    (stream: Duplex) => Object.assign(stream, { bytesRead: 9 }),
  ]) {
    const { clock, stream } = open({ keepAliveTimeout: 0 })
    act(stream)
    clock.advance(60_000)
    assert.equal(clock.waiting, 0)
  }
})

test('a server ends its own only', () => {
  const [one, other] = [{ keepAliveTimeout: 5_000 }, { keepAliveTimeout: 5_000 }]
  const { keepAlive, stream } = open(one)
  for (const how of ['closeIdle', 'closeAll'] as const) keepAlive[how](other as never)
  assert.equal(stream.destroyed, false)
})

test('who is being answered is ended by closeAll alone, and by endForGood once it waits again', () => {
  const server = { keepAliveTimeout: 0 }
  const { keepAlive, stream, arrival } = open(server)
  stream.bytesRead++
  keepAlive.answering(arrival)
  keepAlive.closeIdle(server as never)
  keepAlive.endForGood()
  assert.equal(stream.destroyed, false)
  keepAlive.answered(arrival)
  keepAlive.rest(arrival)
  assert.equal(stream.destroyed, true)
  const other = open(server)
  other.keepAlive.answering(other.arrival)
  other.keepAlive.closeAll(server as never)
  assert.equal(other.stream.destroyed, true)
})
