// Proves upgrade/h2c-response.ts. What comes of it, test/upgrade/h2c-client.test.ts proves over TCP.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { DATA, END_HEADERS, END_STREAM, HEADERS } from '../../src/upgrade/h2c-frames.ts'
import { ResponseEnd } from '../../src/upgrade/h2c-response.ts'
import { frameOf } from './http2-wire.ts'

const CONTINUATION = 9
const head = frameOf(HEADERS, END_HEADERS, 1, Buffer.from([0x88]))
const settings = frameOf(4, 0, 0, Buffer.alloc(6))
const some = frameOf(DATA, 0, 1, Buffer.alloc(300))
const last = frameOf(DATA, END_STREAM, 1, Buffer.alloc(300))

describe('RFC 9113 section 8.1: a response is complete', () => {
  for (const [how, frames] of [
    ['with END_STREAM on DATA', [settings, head, some, last]],
    ['with END_STREAM on DATA that is empty', [head, some, frameOf(DATA, END_STREAM, 1)]],
    [
      'with END_STREAM on its head',
      [settings, frameOf(HEADERS, END_STREAM | END_HEADERS, 1, Buffer.from([0x88]))],
    ],
    ['behind trailers', [head, some, frameOf(HEADERS, END_STREAM | END_HEADERS, 1, Buffer.alloc(9))]],
    [
      'behind trailers in two frames',
      [
        head,
        frameOf(HEADERS, END_STREAM, 1, Buffer.alloc(9)),
        frameOf(CONTINUATION, END_HEADERS, 1, Buffer.alloc(2)),
      ],
    ],
  ] as const) {
    it(`${how}, and not a byte before`, () => {
      const bytes = Buffer.concat([...frames])
      const dripped = new ResponseEnd()
      let calls = 0
      dripped.onReached(() => calls++)
      for (let at = 0; at < bytes.length; at++) {
        assert.equal(dripped.isReached, false, `at ${at} of ${bytes.length}`)
        dripped.read(bytes.subarray(at, at + 1))
      }
      assert.equal(dripped.isReached, true)
      dripped.read(bytes)
      assert.equal(calls, 1)
      const poured = new ResponseEnd()
      poured.read(Buffer.concat([bytes, some]))
      assert.equal(poured.isReached, true)
    })
  }

  it('not by the end of another stream, nor by the acknowledgement of SETTINGS, whose flag is the same', () => {
    const end = new ResponseEnd()
    end.read(Buffer.concat([head, frameOf(DATA, END_STREAM, 3, Buffer.alloc(9)), frameOf(4, 1, 0), some]))
    assert.equal(end.isReached, false)
  })
})
