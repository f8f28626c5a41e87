import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { settle, webSocketPair } from '../../src/testing/index.ts'
import { Readings } from '../../src/websocket/readings.ts'

/** A connection whose peer has said that. */
async function connection(...messages: string[]) {
  const { server, client } = webSocketPair()
  for (const message of messages) server.send(message)
  await settle()
  return { server, client }
}

test('messages come connection by connection, then the end', async () => {
  const readings = new Readings()
  const [one, other] = [await connection('a', 'b'), await connection('c')]
  const seen: unknown[] = []
  const loop = (async () => {
    for await (const message of readings.iterate()) seen.push(message)
  })()
  readings.add(one.client)
  readings.add(other.client)
  await settle()
  assert.deepEqual(seen, ['a', 'b'])
  one.server.close()
  await settle()
  assert.deepEqual(seen, ['a', 'b', 'c'])
  other.server.terminate()
  readings.end()
  await loop
  assert.deepEqual(await readings.iterate().next(), { value: undefined, done: true })
})

test('whoever leaves while it waits takes no message with it, whatever it waits for', async () => {
  const readings = new Readings()
  const { server, client } = await connection()
  const [leaves, stays] = [readings.iterate(), readings.iterate()]
  for (const begin of [() => {}, () => readings.add(client)]) {
    begin()
    const left = leaves.next()
    await settle()
    await leaves.return?.()
    assert.deepEqual(await left, { value: undefined, done: true })
  }
  const readable = Readable.from(leaves)
  readable.read()
  await settle()
  readable.destroy()
  await settle()
  const next = stays.next()
  server.send('one')
  assert.deepEqual(await next, { value: 'one', done: false })
  server.send('two')
  assert.deepEqual(await leaves.next(), { value: 'two', done: false })
  server.terminate()
})

test('of seventeen that nobody reads the oldest is forgotten', async () => {
  const readings = new Readings()
  for (let count = 0; count <= 16; count++) {
    const { server, client } = await connection(String(count))
    readings.add(client)
    server.terminate()
  }
  readings.end()
  const seen: unknown[] = []
  for await (const message of readings.iterate()) seen.push(message)
  assert.deepEqual(
    seen,
    Array.from({ length: 16 }, (_, at) => String(at + 1)),
  )
})

test('a connection whose messages go to streams is told of once, and in nobody’s way', async () => {
  const readings = new Readings()
  const [streamed, other] = [await connection('a'), await connection('b')]
  streamed.client.streams()
  readings.add(streamed.client)
  readings.add(other.client)
  const messages = readings.iterate()
  await assert.rejects(messages.next(), { code: 'ERR_INVALID_ARGUMENT', message: /streamed/ })
  assert.deepEqual(await messages.next(), { value: 'b', done: false })
  for (const { server } of [streamed, other]) server.terminate()
})
