// Proves that each thread can have a server of its own, as docs/server.md says.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { connect } from '../src/websocket/client.ts'

async function thread(): Promise<{ worker: Worker; url: string }> {
  const worker = new Worker(new URL('./thread.js', import.meta.url))
  const [port] = (await once(worker, 'message')) as [number]
  return { worker, url: `ws://127.0.0.1:${port}/ws` }
}

test('threads with a server each echo side by side, and end by themselves when their turnouts are closed', async () => {
  const threads = await Promise.all([thread(), thread(), thread()])
  const sockets = await Promise.all(threads.map(({ url }) => connect(url)))
  for (const [at, socket] of sockets.entries()) {
    socket.send(Buffer.alloc(100_000, at))
    const { value } = await socket[Symbol.asyncIterator]().next()
    assert.deepEqual(value, Buffer.alloc(100_000, at))
  }
  const exits = threads.map(({ worker }) => once(worker, 'exit'))
  for (const { worker } of threads) worker.postMessage('close')
  for (const socket of sockets) {
    const { code, clean } = await socket.closed
    assert.deepEqual([code, clean], [1012, true])
  }
  assert.deepEqual(await Promise.all(exits), [[0], [0], [0]])
})

test('a thread that is terminated in the midst of traffic takes its connections along, and nothing else', async () => {
  const [gone, stays] = await Promise.all([thread(), thread()])
  const lost = await connect(gone.url)
  const other = await connect(stays.url)
  const bytes = Buffer.alloc(1_000_000)
  const pump = (async () => {
    while ((await lost.send(bytes)) !== false) await lost[Symbol.asyncIterator]().next()
  })()
  await gone.worker.terminate()
  assert.equal((await lost.closed).code, 1006)
  await pump
  other.send('still here')
  assert.equal((await other[Symbol.asyncIterator]().next()).value, 'still here')
  await other.close()
  await stays.worker.terminate()
})
