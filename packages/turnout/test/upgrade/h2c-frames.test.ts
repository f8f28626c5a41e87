// Proves upgrade/h2c-frames.ts.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  END_HEADERS,
  END_STREAM,
  MAX_FRAME_BYTES,
  PREFACE,
  readFrameHeader,
  requestFrames,
  settingsFrame,
} from '../../src/upgrade/h2c-frames.ts'

describe('the frames that stand in for an HTTP/1.1 request', () => {
  it('RFC 7540 section 3.5: the preface is these 24 bytes', () => {
    assert.equal(PREFACE.toString('hex'), '505249202a20485454502f322e300d0a0d0a534d0d0a0d0a')
  })

  it('RFC 7540 section 6.5: SETTINGS is on stream 0, without flags', () => {
    const frame = settingsFrame(Buffer.from('000400010000', 'hex'))
    assert.equal(frame.toString('hex'), '000006040000000000000400010000')
    assert.deepEqual(readFrameHeader(frame), { bytes: 6, type: 4, flags: 0, streamId: 0 })
  })

  it('R38: RFC 7540 section 3.2: the request is HEADERS on stream 1, which the client has ended', () => {
    const frame = requestFrames([[':method', 'GET']])
    assert.equal(frame.toString('hex'), '00000d010500000001' + '00073a6d6574686f6403474554')
  })

  it('RFC 7541 section 6.2.2: literals are not indexed, so that the client’s table stays as it is', () => {
    const block = requestFrames([['x', 'y'.repeat(300)]]).subarray(9)
    // 300 = 127 + 173, and 173 = 0xad is 0x2d with one more byte to come, which is 1
    assert.equal(block.subarray(0, 6).toString('hex'), '0001787fad01')
    assert.equal(block.length, 6 + 300)
  })

  it('RFC 7540 section 6.10: a head that is too long for one frame goes on in CONTINUATION', () => {
    const bytes = requestFrames([['x', 'y'.repeat(40_000)]])
    const frames: { type: number; flags: number; bytes: number }[] = []
    for (let at = 0; at < bytes.length; ) {
      const { type, flags, bytes: length, streamId } = readFrameHeader(bytes, at)
      assert.equal(streamId, 1)
      frames.push({ type, flags, bytes: length })
      at += 9 + length
    }
    assert.deepEqual(frames, [
      { type: 1, flags: END_STREAM, bytes: MAX_FRAME_BYTES },
      { type: 9, flags: 0, bytes: MAX_FRAME_BYTES },
      { type: 9, flags: END_HEADERS, bytes: 40_007 - 2 * MAX_FRAME_BYTES },
    ])
  })
})
