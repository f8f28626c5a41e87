import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { ServerHttp2Stream } from 'node:http2'
import { Duplex } from 'node:stream'
import { test } from 'node:test'
import { createVirtualClock } from '../../src/base/clock.ts'
import { http2Transport } from '../../src/transport/http2.ts'

class FakeStream extends Duplex {
  readonly resets: number[] = []

  close(code: number): void {
    this.resets.push(code)
  }

  override _read(): void {}

  override _write(_chunk: Buffer, _encoding: string, done: () => void): void {
    done()
  }
}

async function ended() {
  const clock = createVirtualClock()
  const stream = new FakeStream({ emitClose: true, autoDestroy: true })
  const transport = http2Transport(stream as unknown as ServerHttp2Stream, clock)
  const finished = once(stream, 'finish')
  transport.end()
  transport.end()
  await finished
  return { clock, stream }
}

test('RFC 9113 section 8.1: a peer that leaves its side open is reset with NO_ERROR, once, a moment after our end', async () => {
  const { clock, stream } = await ended()
  clock.advance(249)
  assert.deepEqual(stream.resets, [])
  clock.advance(1)
  assert.deepEqual(stream.resets, [0])
  clock.advance(1_000)
  assert.deepEqual(stream.resets, [0])
})

test('a peer that ends its side in time is not', async () => {
  const { clock, stream } = await ended()
  stream.destroy()
  await new Promise((resolve) => stream.once('close', resolve))
  clock.advance(1_000)
  assert.deepEqual(stream.resets, [])
})
