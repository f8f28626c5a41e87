import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { takeBuffered } from '../../src/transport/buffered.ts'

test('all chunks are taken at once and in order, also from a stream that flows', () => {
  for (const flows of [false, true]) {
    const stream = new Readable({ read() {} })
    for (const chunk of ['b', 'c', 'd']) stream.push(chunk)
    stream.unshift(Buffer.from('a'))
    if (flows) stream.resume()
    assert.equal(takeBuffered(stream).toString(), 'abcd')
    assert.equal(takeBuffered(stream).length, 0)
  }
})

test('one chunk is not copied, and where there is nothing nothing is read', () => {
  let reads = 0
  const stream = new Readable({ read: () => void reads++ })
  assert.equal(takeBuffered(stream).length, 0)
  assert.equal(reads, 0)
  const chunk = Buffer.from('as it is')
  stream.push(chunk)
  assert.equal(takeBuffered(stream).buffer, chunk.buffer)
})

test('what ended while it was not read is taken, and the end is told behind it', async () => {
  const ending = new Readable({ read() {} })
  for (const chunk of ['a', 'b', null]) ending.push(chunk)
  assert.equal(takeBuffered(ending).toString(), 'ab')
  await new Promise((resolve) => ending.once('end', resolve))
})
