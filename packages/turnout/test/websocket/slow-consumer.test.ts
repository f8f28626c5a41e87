import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PeerError } from '../../src/base/errors.ts'
import { broadcast } from '../../src/websocket/broadcast.ts'
import { createRig, type Rig, turn } from './rig.ts'

const KIB = Buffer.alloc(1_024)

/** A peer that takes nothing. */
function stalled(options: NonNullable<Parameters<typeof createRig>[0]>['options']): Rig {
  const rig = createRig({ ...(options && { options }) })
  rig.peer.transport.pause()
  return rig
}

test('close: beyond maxBufferedBytes what waits is dropped and the connection closed with 1013', async () => {
  const rig = stalled({ maxBufferedBytes: 1_000_000 })
  let sent = 0
  while (rig.socket.send(KIB) !== false) {
    if (++sent % 50 === 0) await turn()
    assert.ok(sent < 2_000)
  }
  assert.ok(sent > 900)
  assert.ok(rig.socket.bufferedBytes < 500_000)
  assert.equal(rig.socket.readyState, 'closing')
  rig.clock.advance(2_000)
  assert.equal(((await rig.info())?.cause as PeerError | undefined)?.code, 'ERR_SLOW_CONSUMER')
})

test('drop: messages beyond the bound are refused, those within arrive, and the connection lives on', async () => {
  const rig = stalled({ maxBufferedBytes: 200_000, slowConsumer: 'drop' })
  let taken = 0
  for (let count = 0; count < 1_000; count++) {
    if (rig.socket.send(KIB) !== false) taken++
    await turn()
  }
  assert.ok(taken > 150 && taken < 260, String(taken))
  rig.peer.transport.resume()
  for (let count = 0; count < 20; count++) await turn()
  assert.equal(rig.peer.frames.length, taken)
  assert.notEqual(rig.socket.send(KIB), false)
})

test('wait: everything is queued, and send keeps asking to wait', async () => {
  const rig = stalled({ maxBufferedBytes: 100_000, slowConsumer: 'wait' })
  for (let count = 0; count < 1_000; count++) {
    assert.notEqual(rig.socket.send(KIB), false)
    if (count % 50 === 0) await turn()
  }
  const waiting = rig.socket.send(KIB) as Promise<boolean>
  rig.peer.transport.resume()
  assert.equal(await waiting, true)
  await turn()
  assert.equal(rig.peer.frames.length, 1_001)
})

test('a thousand slow readers of a fast publisher share each frame, and are closed at the bound', async () => {
  const rigs = Array.from({ length: 1_000 }, () => stalled({ maxBufferedBytes: 1_048_576 }))
  const before = process.memoryUsage()
  const sockets = rigs.map((rig) => rig.socket)
  const message = Buffer.alloc(32_768)
  let rounds = 0
  while (broadcast(sockets, message) > 0 && rounds++ < 100) await turn()
  // 1 MiB for each of 1,000 would be a gigabyte; the frames are shared, the pipes in memory hold copies of two or three
  assert.ok(rounds >= 32 && rounds <= 40, String(rounds))
  const grown = process.memoryUsage().arrayBuffers - before.arrayBuffers
  assert.ok(grown < 400_000_000, String(grown))
  assert.ok(sockets.every((socket) => socket.readyState === 'closing'))
})
