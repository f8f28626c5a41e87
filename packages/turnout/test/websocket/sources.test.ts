import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Sources } from '../../src/websocket/sources.ts'
import { turn } from '../base/turns.ts'

async function* of(...messages: string[]): AsyncGenerator<string, void, undefined> {
  yield* messages
}

async function read(from: AsyncIterable<string>): Promise<string[]> {
  const seen: string[] = []
  for await (const message of from) seen.push(message)
  return seen
}

test('one source is read behind the other, in order, and after the end nothing', async () => {
  const sources = new Sources<string>()
  sources.add(of('a', 'b'))
  sources.add(of())
  sources.add(of('c'))
  sources.end()
  assert.deepEqual(await read(sources.iterate()), ['a', 'b', 'c'])
  assert.deepEqual(await read(sources.iterate()), [])
})

test('who waits for a source is given what comes, and is let go by the end', async () => {
  const sources = new Sources<string>()
  const reading = read(sources.iterate())
  await turn()
  sources.add(of('a'))
  await turn()
  sources.add(of('b'))
  await turn()
  sources.end()
  assert.deepEqual(await reading, ['a', 'b'])
})

test('of more than sixteen that nobody has read the oldest are forgotten', async () => {
  const sources = new Sources<string>()
  for (let at = 1; at <= 18; at++) sources.add(of(String(at)))
  sources.end()
  const seen = await read(sources.iterate())
  assert.deepEqual([seen.length, seen[0], seen.at(-1)], [16, '3', '18'])
})

test('several readers share what there is, and one that stops takes nothing along', async () => {
  const sources = new Sources<string>()
  sources.add(of('a', 'b', 'c', 'd'))
  const [one, other] = [sources.iterate(), sources.iterate()]
  assert.deepEqual(
    [await one.next(), await other.next(), await one.next()].map(({ value }) => value),
    ['a', 'b', 'c'],
  )
  assert.deepEqual(await one.return!(), { value: undefined, done: true })
  sources.end()
  assert.deepEqual(await read(other), ['d'])
})

test('a source that fails fails its reader', async () => {
  const sources = new Sources<string>()
  sources.add({ next: () => Promise.reject(new Error('no')) })
  await assert.rejects(sources.iterate().next(), /^Error: no$/)
})
