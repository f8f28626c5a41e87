// Knows what becomes of a message whose source breaks while nobody waits for it to be sent.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { turn } from '../base/turns.ts'
import { createRig } from './rig.ts'

const broken = new Error('broken')

async function* breaking(parts: number): AsyncGenerator<string> {
  for (let count = 0; count < parts; count++) yield 'part'
  throw broken
}

/** What would end the process while `act` and all that follows from it run. */
async function unhandled(act: () => unknown): Promise<unknown[]> {
  const seen: unknown[] = []
  const note = (error: unknown) => seen.push(error)
  process.on('unhandledRejection', note)
  await act()
  for (let turns = 0; turns < 5; turns++) await turn()
  process.off('unhandledRejection', note)
  return seen
}

test('parts that break before the first: nothing is sent, the process and the connection live on', async () => {
  const rig = createRig()
  assert.deepEqual(await unhandled(() => void rig.socket.send(breaking(0))), [])
  assert.equal(rig.socket.readyState, 'open')
  assert.equal(await rig.socket.send('next'), true)
  await turn()
  assert.deepEqual(rig.peer.frames, ['81 "next"'])
})

test('parts that break behind the first: the connection is closed with 1011, the process lives on', async () => {
  const rig = createRig()
  assert.deepEqual(await unhandled(() => void rig.socket.send(breaking(1))), [])
  assert.match(rig.peer.frames.at(-1)!, /^88 03f3/)
})

test('a Blob that cannot be read', async () => {
  const rig = createRig()
  const blob = Object.assign(new Blob(['x']), { arrayBuffer: () => Promise.reject(broken) })
  assert.deepEqual(await unhandled(() => void rig.socket.send(blob)), [])
  assert.equal(rig.socket.readyState, 'open')
})

test('who waits hears of it', async () => {
  const rig = createRig()
  await assert.rejects(async () => rig.socket.send(breaking(0)), broken)
})
