import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PeerError } from '../../src/base/errors.ts'
import { broadcast } from '../../src/websocket/broadcast.ts'
import { turn } from '../base/turns.ts'
import { createPair } from './compressed-pair.ts'
import { createRig, type Rig } from './rig.ts'

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

test('whoever awaits each send is never refused, however small maxBufferedBytes is', async () => {
  for (const slowConsumer of ['close', 'drop'] as const) {
    for (const maxBufferedBytes of [0, 100, 10_000, 50_000]) {
      const rig = createRig({ options: { slowConsumer, maxBufferedBytes } })
      for (let sent = 0; sent < 300; sent++) {
        assert.equal(await rig.socket.send(KIB), true, `${slowConsumer} ${maxBufferedBytes}: ${sent}`)
      }
      for (let count = 0; count < 20; count++) await turn()
      assert.equal(rig.peer.frames.length, 300)
    }
  }
})

/** A message in parts that is never complete; what is sent after it waits. */
async function* endless(): AsyncGenerator<Buffer> {
  yield KIB
  await new Promise(() => {})
}

test('what waits behind a message that is not complete counts, whether or not the peer reads', async () => {
  for (const reads of [true, false]) {
    for (const kind of ['bytes', 'text', 'broadcast', 'Blob'] as const) {
      const rig = createRig({ options: { maxBufferedBytes: 100_000, slowConsumer: 'drop' } })
      if (!reads) rig.peer.transport.pause()
      void rig.socket.send(endless())
      await turn()
      const send = {
        bytes: () => rig.socket.send(KIB) !== false,
        text: () => rig.socket.send('x'.repeat(1_024)) !== false,
        broadcast: () => broadcast([rig.socket], KIB) > 0,
        Blob: () => rig.socket.send(new Blob([KIB])) !== false,
      }[kind]
      let taken = 0
      while (send() && taken < 1_000) taken++
      assert.ok(taken > 90 && taken < 110, `${taken} of ${kind}`)
      assert.ok(rig.socket.bufferedBytes >= 100_000)
      rig.socket.terminate()
    }
  }
})

test('a burst of Blobs counts before they are read, and of what is compressed apart before it is', async () => {
  const blobs = createRig({ options: { maxBufferedBytes: 100_000, slowConsumer: 'drop' } })
  const sent = Array.from({ length: 300 }, () => blobs.socket.send(new Blob([KIB])))
  const taken = sent.filter((each) => each !== false).length
  assert.ok(taken > 90 && taken < 110, `${taken} Blobs`)
  assert.equal(blobs.socket.bufferedBytes, taken * KIB.length)
  await Promise.all(sent)
  await turn()
  assert.equal(blobs.peer.frames.length, taken)
  assert.equal(blobs.socket.bufferedBytes, 0)

  const { server, clock } = createPair({
    server: { threshold: 0, offloadBytes: 0 },
    options: { maxBufferedBytes: 100_000 },
  })
  let count = 0
  while (server.socket.send(KIB) !== false && count < 1_000) count++
  assert.ok(count > 90 && count < 110, `${count} to be compressed`)
  assert.equal(server.socket.readyState, 'closing')
  clock.advance(2_000)
  const { cause } = await server.socket.closed
  assert.equal((cause as PeerError).code, 'ERR_SLOW_CONSUMER')
  assert.match((cause as PeerError).message, /wait behind a message/)
})

test("the application's own pings are refused where as much waits as may", async () => {
  const rig = stalled({ maxBufferedBytes: 100_000, slowConsumer: 'wait' })
  for (let count = 0; count < 200; count++) {
    void rig.socket.send(KIB)
    if (count % 50 === 0) await turn()
  }
  const before = rig.socket.bufferedBytes
  assert.ok(before > 100_000)
  for (let count = 0; count < 1_000; count++) {
    assert.equal(rig.socket.ping('x'), false)
    assert.equal(rig.socket.pong('x'), false)
  }
  assert.equal(rig.socket.bufferedBytes, before)
  rig.peer.transport.resume()
  for (let count = 0; count < 20; count++) await turn()
  assert.equal(rig.socket.ping('x'), true)
})
