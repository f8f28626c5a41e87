import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createVirtualClock } from '../../src/base/clock.ts'
import type { PeerError } from '../../src/base/errors.ts'
import { Rate } from '../../src/websocket/rate.ts'
import { createRig } from './rig.ts'

test('a bucket lets a burst pass, then what the time brings', () => {
  const clock = createVirtualClock()
  const rate = new Rate(clock, { messagesPerSecond: 10, burstSeconds: 2 })
  for (let count = 0; count < 20; count++) assert.equal(rate.onMessage(), undefined)
  assert.match(rate.onMessage() ?? '', /more than 10 messages a second/)
  const calm = new Rate(clock, { messagesPerSecond: 10, burstSeconds: 2 })
  for (let count = 0; count < 1_000; count++) {
    clock.advance(100)
    assert.equal(calm.onMessage(), undefined)
  }
})

test('a flood of messages is closed with 1008 in the middle of its chunk', async () => {
  const rig = createRig({ options: { rate: { messagesPerSecond: 5, burstSeconds: 2 } } })
  await rig.peer.send(...Array.from({ length: 1_000 }, () => [0x81, 'x'] as const))
  assert.equal(rig.log.filter((line) => line.startsWith('message')).length, 10)
  assert.deepEqual(
    rig.peer.frames.map((frame) => frame.slice(0, 2)),
    ['88'],
  )
  assert.equal(rig.peer.bytes.readUInt16BE(2), 1008)
  rig.clock.advance(2_000)
  const info = await rig.info()
  assert.equal((info?.cause as PeerError | undefined)?.code, 'ERR_LIMIT')
})

test('a flood of bytes is closed with 1008, even where no message ever ends', async () => {
  const rig = createRig({ options: { rate: { bytesPerSecond: 1_000, burstSeconds: 1 } } })
  await rig.peer.send([0x01, Buffer.alloc(500)])
  assert.equal(rig.socket.readyState, 'open')
  await rig.peer.send([0x00, Buffer.alloc(600)])
  assert.equal(rig.peer.bytes.readUInt16BE(2), 1008)
})

test('pings count as bytes: a flood of them is bounded, too', async () => {
  const rig = createRig({ options: { rate: { bytesPerSecond: 1_000, burstSeconds: 1 } } })
  await rig.peer.send(...Array.from({ length: 300 }, () => [0x89, 'ping'] as const))
  assert.equal(rig.socket.readyState, 'closing')
})
