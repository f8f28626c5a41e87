// Knows that the bound on unread messages holds for compressed ones, too, of which one chunk may bear a thousand times
// its own size.
import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { test } from 'node:test'
import { constants, deflateRawSync } from 'node:zlib'
import type { AnyConnection } from '../../src/websocket/connection.ts'
import { turn } from '../base/turns.ts'
import { agree } from './compressed-pair.ts'
import { createRig, type Rig } from './rig.ts'

const NO_TAKEOVER = { clientNoContextTakeover: true, serverNoContextTakeover: true }
const MIB = 1_048_576

/** As a peer sends them: `count` messages of `bytes` each, in one chunk. */
function chunk(count: number, bytes: number): (readonly [head: number, payload: Uint8Array])[] {
  const packed = deflateRawSync(Buffer.alloc(bytes, 65), { finishFlush: constants.Z_SYNC_FLUSH }).subarray(
    0,
    -4,
  )
  return Array.from({ length: count }, () => [0xc1, packed] as const)
}

/** How many messages were brought to the application's side. */
function compressedRig(iterated: boolean, counted: { decoded: number }, events = {}): Rig {
  const transform = agree({ server: NO_TAKEOVER, client: NO_TAKEOVER }).create('server', {})
  const decode = transform.decode.bind(transform)
  transform.decode = (payload, rsv) => {
    counted.decoded++
    return decode(payload, rsv)
  }
  return createRig({ iterated, transform, events })
}

/** Its callback pauses at the first message, and tells. */
function pausingRig(): { rig: Rig; counted: { decoded: number }; paused: Promise<void> } {
  const counted = { decoded: 0 }
  const told = new EventEmitter()
  const paused = once(told, 'paused').then(() => {})
  let first = true
  const message = (socket: AnyConnection): void => {
    if (first) socket.pause()
    first = false
    told.emit('paused')
  }
  return { rig: compressedRig(false, counted, { message }), counted, paused }
}

/** Waits until nothing more has been inflated for a while, or `enough` is true. */
async function inflated(counted: { readonly decoded: number }, enough = () => false): Promise<void> {
  let quiet = 0
  for (let before = counted.decoded; quiet < 10 && !enough(); before = counted.decoded) {
    await new Promise((resolve) => setTimeout(resolve, 20))
    quiet = counted.decoded === before ? quiet + 1 : 0
  }
}

for (const [what, count, bytes] of [
  ['inflated on the thread pool', 60, 1_000_000],
  ['inflated at once', 200, 200_000],
] as const) {
  const most = Math.ceil(MIB / bytes) + 2

  test(`unread messages, ${what}: no more is inflated than the bound, and all arrive in order`, async () => {
    const counted = { decoded: 0 }
    const rig = compressedRig(true, counted)
    await rig.peer.send(...chunk(count, bytes), [0x88, Buffer.from([3, 232])])
    await inflated(counted)
    assert.ok(counted.decoded <= most, `${counted.decoded} messages of ${bytes} bytes wait`)
    let read = 0
    for await (const message of rig.socket) {
      assert.equal((message as string).length, bytes)
      read++
    }
    assert.equal(read, count)
    await turn()
    assert.equal(rig.peer.frames.at(-1), '88 03e8')
  })

  test(`messages in parts, ${what}: the same`, async () => {
    const counted = { decoded: 0 }
    const rig = compressedRig(true, counted)
    const streams = rig.socket.streams()
    await rig.peer.send(...chunk(count, bytes), [0x88, Buffer.from([3, 232])])
    await inflated(counted)
    assert.ok(counted.decoded <= 2, `${counted.decoded} messages of ${bytes} bytes wait`)
    let read = 0
    for await (const message of streams) {
      assert.equal(((await message.read()) as string).length, bytes)
      read++
    }
    assert.equal(read, count)
  })

  test(`a paused callback, ${what}: the same, and resume goes on where it stopped`, {
    timeout: 60_000,
  }, async () => {
    const counted = { decoded: 0 }
    const rig = compressedRig(false, counted)
    rig.socket.pause()
    await rig.peer.send(...chunk(count, bytes))
    await inflated(counted)
    assert.ok(counted.decoded <= 2, `${counted.decoded} messages of ${bytes} bytes wait`)
    rig.socket.resume()
    const arrived = () => rig.log.filter((line) => line.startsWith('message')).length
    while (arrived() < count) await turn()
    await inflated(counted)
    assert.equal(arrived(), count)
  })

  for (const how of ['end', 'destroy'] as const) {
    test(`a callback that pauses, ${what}: the ${how} behind what is not inflated yet waits for it`, async () => {
      const { rig, counted, paused } = pausingRig()
      void rig.peer.send(...chunk(count, bytes))
      rig.peer.transport[how]()
      await paused
      await inflated(counted)
      assert.ok(counted.decoded <= 2, `${counted.decoded} messages of ${bytes} bytes wait`)
      assert.equal(rig.socket.readyState, 'open')
      rig.socket.resume()
      assert.equal((await rig.socket.closed).code, 1006)
      assert.equal(rig.log.filter((line) => line.startsWith('message')).length, count)
    })
  }

  test(`a callback that pauses, ${what}: nobody is given up, or pinged, while that waits`, async () => {
    const { rig, paused } = pausingRig()
    void rig.peer.send(...chunk(count, bytes))
    await paused
    for (let second = 0; second < 200; second++) {
      rig.clock.advance(1_000)
      await turn()
    }
    assert.deepEqual(rig.peer.frames, [])
    rig.peer.transport.end()
    rig.socket.resume()
    await rig.socket.closed
    assert.equal(rig.log.filter((line) => line.startsWith('message')).length, count)
  })

  test(`a callback that pauses, ${what}: terminate waits for nothing`, async () => {
    const { rig, paused } = pausingRig()
    void rig.peer.send(...chunk(count, bytes))
    rig.peer.transport.destroy()
    await paused
    await turn()
    rig.socket.terminate()
    assert.equal((await rig.info())?.cause, undefined)
    assert.equal(rig.socket.readyState, 'closed')
  })

  test(`our own Close finds the peer’s behind what nobody reads, ${what}`, async () => {
    const counted = { decoded: 0 }
    const rig = compressedRig(true, counted)
    await rig.peer.send(...chunk(count, bytes), [0x88, Buffer.from([3, 232])])
    await inflated(counted)
    rig.socket.close(1000)
    await inflated(counted)
    assert.equal(rig.peer.frames.at(-1), '88 03e8')
    assert.deepEqual((await rig.info())?.clean ?? true, true)
  })
}
