import assert from 'node:assert/strict'
import type { ServerHttp2Stream } from 'node:http2'
import { Duplex } from 'node:stream'
import { test } from 'node:test'
import { createVirtualClock } from '../../src/base/clock.ts'
import { respondStream } from '../../src/upgrade/connect-answer.ts'
import { until } from '../base/turns.ts'

/** A stream whose client takes what is written when it is told to. */
class FakeStream extends Duplex {
  readonly resets: number[] = []
  written = 0
  readonly #takes: (() => void)[] = []

  respond(): void {}

  close(code: number): void {
    this.resets.push(code)
    this.destroy()
  }

  get waiting(): number {
    return this.#takes.length
  }

  takeOne(): void {
    this.#takes.shift()?.()
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.written += chunk.length
    if (chunk.length === 0) done()
    else this.#takes.push(done)
  }
}

test('an answer is cut for no client that takes 16 KiB of it in ten seconds, however long it is', async () => {
  const clock = createVirtualClock()
  const stream = new FakeStream()
  const body = new Uint8Array(100_000)
  const sent = respondStream(
    stream as unknown as ServerHttp2Stream,
    new Response(body),
    clock,
    assert.ifError,
  )
  let taken = 0
  while (stream.written < body.length || stream.waiting > 0) {
    await until(() => stream.waiting === 1)
    assert.ok(stream.written - taken <= 16_384)
    taken = stream.written
    clock.advance(9_999)
    stream.takeOne()
  }
  await sent
  await until(() => stream.destroyed)
  assert.deepEqual(stream.resets, [0])
  assert.equal(clock.waiting, 0)
})

test('a client that takes less is given up, and so is the source', async () => {
  const clock = createVirtualClock()
  const stream = new FakeStream()
  let cancelled = false
  const source = new ReadableStream({
    pull: (controller) => controller.enqueue(new Uint8Array(20_000)),
    cancel: () => {
      cancelled = true
    },
  })
  const sent = respondStream(
    stream as unknown as ServerHttp2Stream,
    new Response(source),
    clock,
    assert.ifError,
  )
  await until(() => stream.waiting === 1)
  clock.advance(9_000)
  stream.takeOne()
  await until(() => stream.waiting === 1)
  clock.advance(10_000)
  await sent
  await until(() => cancelled)
  assert.deepEqual(stream.resets, [8])
  assert.equal(clock.waiting, 0)
})

test('a source may give text', async () => {
  const stream = new FakeStream()
  const source = new ReadableStream({
    start(controller) {
      controller.enqueue('größer')
      controller.close()
    },
  })
  const sent = respondStream(
    stream as unknown as ServerHttp2Stream,
    new Response(source),
    createVirtualClock(),
    assert.ifError,
  )
  await until(() => stream.waiting === 1)
  stream.takeOne()
  await sent
  assert.equal(stream.written, Buffer.byteLength('größer'))
})

test('of what is neither bytes nor text nothing is guessed: the application hears of it', async () => {
  for (const part of [new Uint16Array([0x4142]), new DataView(new ArrayBuffer(2)), 5]) {
    const stream = new FakeStream()
    const source = new ReadableStream({ start: (controller) => controller.enqueue(part) })
    await assert.rejects(
      respondStream(
        stream as unknown as ServerHttp2Stream,
        new Response(source),
        createVirtualClock(),
        assert.ifError,
      ),
      { name: 'MisuseError', code: 'ERR_INVALID_ARGUMENT' },
    )
    assert.equal(stream.written, 0)
  }
})
