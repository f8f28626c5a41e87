// Knows what ends a connection on which neither side reads: ours waits for the peer to take what it was sent, and
// reads a little, to hear it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PeerError } from '../../src/base/errors.ts'
import { webSocketPair } from '../../src/testing/index.ts'
import { turn } from '../base/turns.ts'
import { createRig, type Rig } from './rig.ts'

const heartbeat = { intervalMs: 30_000, timeoutMs: 10_000 }

/** Seconds pass, each with a turn of the event loop. */
async function pass(rig: Rig, seconds: number): Promise<void> {
  for (let second = 0; second < seconds; second++) {
    rig.clock.advance(1_000)
    await turn()
  }
}

test('a peer that takes nothing while we do not read, as its answer is awaited, is dropped like a silent one', async () => {
  const rig = createRig({ options: { heartbeat } })
  rig.peer.transport.pause()
  rig.socket.pause()
  const sent = rig.socket.send(Buffer.alloc(1_000_000))
  await pass(rig, 42)
  assert.equal(await sent, false)
  assert.equal(((await rig.info())?.cause as PeerError | undefined)?.code, 'ERR_HEARTBEAT_TIMEOUT')
})

test('one that takes it, however late, lives on', async () => {
  const rig = createRig({ options: { heartbeat } })
  rig.peer.transport.pause()
  rig.socket.pause()
  rig.socket.send(Buffer.alloc(1_000_000))
  await pass(rig, 35)
  rig.peer.transport.resume()
  await turn()
  await pass(rig, 60)
  assert.equal(rig.socket.readyState, 'open')
  rig.socket.terminate()
})

test('two that do not read hear each other’s Pings, whenever they stopped', async () => {
  const { server, client, clock } = webSocketPair({ server: { heartbeat }, client: { heartbeat } })
  server.pause()
  await clock.run(17_000)
  client.send('not read')
  client.pause()
  await clock.run(3_600_000)
  assert.deepEqual([server.readyState, client.readyState], ['open', 'open'])
  client.terminate()
})
