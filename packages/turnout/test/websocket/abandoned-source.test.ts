// Knows what becomes of a message in parts whose next part never comes, once the connection is gone.
import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { turn } from '../base/turns.ts'
import { createRig } from './rig.ts'

test('the promise of a message whose next part never comes resolves with false when the connection ends', async () => {
  const rig = createRig()
  let returned = false
  const parts = {
    [Symbol.asyncIterator]: () => ({
      next: () => new Promise<IteratorResult<string>>(() => {}),
      return: async () => {
        returned = true
        return { done: true as const, value: undefined }
      },
    }),
  }
  const sent = rig.socket.send(parts)
  await turn()
  rig.socket.terminate()
  assert.equal(await sent, false)
  assert.equal(returned, true)
})

test('a Readable that says nothing is destroyed with the connection', async () => {
  const rig = createRig()
  const source = new Readable({ read() {} })
  const sent = rig.socket.send(source)
  source.push('first')
  await turn()
  rig.peer.transport.destroy()
  assert.equal(await sent, false)
  assert.equal(source.destroyed, true)
})

test('a ReadableStream that says nothing is cancelled with the connection', async () => {
  const rig = createRig()
  let cancelled = false
  const source = new ReadableStream<Uint8Array>({ cancel: () => void (cancelled = true) })
  const sent = rig.socket.send(source)
  await turn()
  rig.socket.terminate()
  assert.equal(await sent, false)
  assert.equal(cancelled, true)
})

test('streams that wait behind such a message are let go unread', async () => {
  const rig = createRig()
  const first = new Readable({ read() {} })
  const behind = new Readable({ read() {} })
  let cancelled = false
  const web = new ReadableStream<Uint8Array>({ cancel: () => void (cancelled = true) })
  const locked = new ReadableStream<Uint8Array>()
  locked.getReader()
  const sent = [first, behind, web, locked].map((source) => rig.socket.send(source))
  await turn()
  rig.socket.terminate()
  assert.deepEqual(await Promise.all(sent), [false, false, false, false])
  assert.equal(behind.destroyed, true)
  assert.equal(cancelled, true)
})

test('what is sent behind such a message, and a close, do not wait for ever either', async () => {
  const rig = createRig({ options: { closeTimeoutMs: 1_000 } })
  rig.socket.send(new Readable({ read() {} }))
  const behind = rig.socket.send('behind')
  rig.socket.close(1000)
  await turn()
  rig.clock.advance(1_000)
  assert.equal(await behind, false)
  await turn()
  assert.notEqual(await rig.info(), undefined)
})
