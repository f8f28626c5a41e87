import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MisuseError } from '../../src/base/errors.ts'
import type { Sendable } from '../../src/websocket/options.ts'
import { bytesOf, isParts, ownCopy, sizeOf, viewOf } from '../../src/websocket/sendable.ts'

const memory = Uint8Array.of(1, 2, 3, 4, 5, 6)

/** Everything that is bytes, and which bytes. */
const BYTES: readonly [Sendable, readonly number[]][] = [
  [memory, [1, 2, 3, 4, 5, 6]],
  [memory.subarray(1, 3), [2, 3]],
  [Buffer.from(memory.buffer, 4), [5, 6]],
  [new Uint16Array(memory.buffer, 2, 1), [3, 4]],
  [new DataView(memory.buffer, 5), [6]],
  [memory.buffer, [1, 2, 3, 4, 5, 6]],
  [new SharedArrayBuffer(2), [0, 0]],
  [new Uint8Array(0), []],
]

const NOTHING: readonly unknown[] = [5, null, undefined, {}, Symbol('s'), true, () => {}]

test('the bytes of a view or a buffer are its own, not copied', () => {
  for (const [sendable, bytes] of BYTES) {
    assert.deepEqual([...bytesOf(sendable)], bytes)
    assert.equal(sizeOf(sendable), bytes.length)
    const memory = ArrayBuffer.isView(sendable) ? sendable.buffer : sendable
    assert.equal(bytesOf(sendable).buffer, memory)
  }
})

test('a copy is of the bytes as they were', () => {
  for (const [sendable, bytes] of BYTES) {
    const copy = ownCopy(sendable) as Buffer
    assert.deepEqual([...copy], bytes)
    if (bytes.length > 0) assert.notEqual(copy.buffer, bytesOf(sendable).buffer)
  }
})

test('a string, a Blob and parts that are still to come stay as they are', async () => {
  const parts = (function* () {
    yield 'a'
  })()
  const lasting: readonly [Sendable, number][] = [
    ['h\u00e4', 3],
    [new Blob(['abc']), 3],
    [new Set(['a']), 0],
    [parts, 0],
    [new ReadableStream(), 0],
  ]
  for (const [sendable, bytes] of lasting) {
    assert.equal(ownCopy(sendable), sendable)
    assert.equal(sizeOf(sendable), bytes)
  }
})

test('an array counts by its parts, and its copy holds copies', () => {
  const part = Buffer.from('ab')
  const copy = ownCopy([part, new Uint8Array(1)]) as Buffer[]
  part.fill('c')
  assert.deepEqual(copy, [Buffer.from('ab'), Buffer.of(0)])
  assert.equal(sizeOf([part, new Uint16Array(1)]), 4)
  assert.equal(sizeOf(['h\u00e4', 'b']), 4)
  assert.equal(sizeOf([]), 0)
})

test('parts are what can be iterated, and bytes are no parts', () => {
  for (const parts of [[], new Set(), new ReadableStream(), (async function* () {})()]) {
    assert.equal(isParts(parts), true)
  }
  for (const whole of ['text', memory, memory.buffer, new Blob([]), ...NOTHING]) {
    assert.equal(isParts(whole), false)
  }
})

test('what cannot be sent is misuse, alone and in an array', () => {
  for (const wrong of NOTHING) {
    assert.equal(viewOf(wrong), undefined)
    for (const read of [bytesOf, sizeOf, ownCopy] as ((value: unknown) => unknown)[]) {
      assert.throws(() => read(wrong), MisuseError)
      if (read !== bytesOf) assert.throws(() => read([wrong]), MisuseError)
    }
  }
})

test('the error says what was seen, and what to do with a value', () => {
  for (const [value, message] of [
    [5, '5 cannot be sent: a string, bytes or a Blob can'],
    [null, 'null cannot be sent: a string, bytes or a Blob can'],
    [{ a: 1 }, 'an object cannot be sent: a string, bytes or a Blob can; JSON.stringify makes it a string'],
    [
      [Buffer.from('a'), { a: 1 }],
      'a list with an object in it cannot be sent: its parts are strings or bytes; JSON.stringify makes it a string',
    ],
  ] as [never, string][]) {
    assert.throws(() => sizeOf(value), { name: 'MisuseError', code: 'ERR_INVALID_ARGUMENT', message })
  }
})
