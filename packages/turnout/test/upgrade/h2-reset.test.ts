import assert from 'node:assert/strict'
import { constants, createServer, type ServerHttp2Stream } from 'node:http2'
import { type TestContext, test } from 'node:test'
import { cancel, cancelOnDestroy } from '../../src/upgrade/h2-reset.ts'
import { clientStart, type Frame, framesUntilEnd, getOn } from './http2-wire.ts'
import { dial, listen } from './wire.ts'

const { NGHTTP2_CANCEL } = constants
const END_STREAM = 1

/** The frames of a response, up to the one that ended its stream. */
async function framesOf(t: TestContext, serve: (stream: ServerHttp2Stream) => void): Promise<Frame[]> {
  const server = createServer().on('stream', (stream) => {
    stream.on('error', () => {})
    stream.respond()
    serve(stream)
  })
  const wire = dial(await listen(server))
  t.after(() => {
    wire.socket.destroy()
    server.close()
  })
  wire.send(Buffer.concat([clientStart, getOn(1, '/')]))
  return (await framesUntilEnd(wire, 1)).filter(({ streamId }) => streamId === 1)
}

/** HEADERS, DATA without END_STREAM, RST_STREAM with CANCEL. */
function assertCutOff(frames: readonly Frame[]): void {
  assert.deepEqual(
    frames.map(({ type, flags }) => [type, flags & END_STREAM]),
    [
      [1, 0],
      [0, 0],
      [3, 0],
    ],
  )
  assert.equal(frames.at(-1)!.payload.readUInt32BE(), NGHTTP2_CANCEL)
}

test('RFC 9113 section 8.1: what is cut off by destroy is reset with CANCEL, and not ended before', async (t) => {
  const frames = await framesOf(t, (stream) => {
    cancelOnDestroy(stream)
    stream.write('half', () => setImmediate(() => stream.destroy()))
  })
  assertCutOff(frames)
})

test('the same by cancel', async (t) => {
  assertCutOff(await framesOf(t, (stream) => stream.write('half', () => setImmediate(() => cancel(stream)))))
})

test('destroying a stream that is over resets nothing', async (t) => {
  const frames = await framesOf(t, (stream) => {
    cancelOnDestroy(stream)
    stream.resume().on('end', () => stream.end('whole', () => setImmediate(() => stream.destroy())))
  })
  const { type, flags } = frames.at(-1)!
  assert.deepEqual([type, flags & END_STREAM], [0, END_STREAM])
})
