import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MisuseError, PeerError } from '../../src/base/errors.ts'
import {
  CLOSE,
  decodeCloseBody,
  encodeCloseBody,
  fitReason,
  isWireCode,
  MAX_REASON_BYTES,
} from '../../src/websocket/close.ts'
import { closeBody, hex } from './frames.ts'

/** The rows of RFC 6455 section 7.4 and the IANA registry, written out. */
function mayTravel(code: number): boolean {
  return (
    [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014].includes(code) ||
    (code >= 3000 && code < 5000)
  )
}

test('RFC 6455 section 7.4: each of the 65,536 codes may travel or not, both ways', () => {
  for (let code = 0; code < 0x10000; code++) {
    const body = closeBody(code)
    assert.equal(isWireCode(code), mayTravel(code), `${code}`)
    if (mayTravel(code)) {
      assert.ok(encodeCloseBody(code, '').equals(body))
      assert.deepEqual(decodeCloseBody(body), { code, reason: '' })
    } else if (code < 1100 || code % 977 === 0) {
      assert.throws(() => encodeCloseBody(code, ''), MisuseError)
      assert.throws(
        () => decodeCloseBody(body),
        (error) => error instanceof PeerError && error.code === 'ERR_FRAME',
      )
    }
  }
})

test('a code that is no whole number in 16 bits is misuse', () => {
  for (const code of [1000.5, Number.NaN, -1000, 70_000, 66_536, Number.POSITIVE_INFINITY, '1000', null]) {
    assert.throws(() => encodeCloseBody(code as number, ''), { code: 'ERR_INVALID_CLOSE_CODE' })
  }
})

test('RFC 6455 section 5.5.1: a body is empty, or a code and a reason in UTF-8', () => {
  assert.equal(encodeCloseBody(undefined, '').length, 0)
  assert.ok(encodeCloseBody(1000, 'é').equals(hex('03e8 c3a9')))
  assert.deepEqual(decodeCloseBody(hex('')), { code: CLOSE.noCode, reason: '' })
  assert.deepEqual(decodeCloseBody(hex('03e8 c3a9')), { code: 1000, reason: 'é' })
  assert.deepEqual(decodeCloseBody(hex('0fa1 efbbbf 61 00')), { code: 4001, reason: '\ufeffa\0' })
  assert.throws(() => decodeCloseBody(hex('03')), { code: 'ERR_FRAME', section: 'RFC 6455 section 5.5.1' })
  for (const bad of ['ff', 'c3', 'eda080', 'c080']) {
    assert.throws(() => decodeCloseBody(hex(`03e8${bad}`)), { code: 'ERR_UTF8' })
  }
})

test('RFC 6455 section 5.5: a reason is at most 123 bytes, counted in UTF-8', () => {
  for (const reason of ['x'.repeat(123), 'é'.repeat(61), '😀'.repeat(30)]) {
    const body = encodeCloseBody(1000, reason)
    assert.ok(body.length <= 125)
    assert.deepEqual(decodeCloseBody(body), { code: 1000, reason })
  }
  for (const reason of ['x'.repeat(124), 'é'.repeat(62), '😀'.repeat(31)]) {
    assert.throws(() => encodeCloseBody(1000, reason), { code: 'ERR_INVALID_CLOSE_REASON' })
  }
  assert.equal(MAX_REASON_BYTES, 123)
})

test('a reason without a code, and one that is no string, are misuse', () => {
  assert.throws(() => encodeCloseBody(undefined, 'why'), { code: 'ERR_INVALID_CLOSE_REASON' })
  for (const reason of [5, null, Buffer.from('why'), {}]) {
    assert.throws(() => encodeCloseBody(1000, reason as unknown as string), {
      code: 'ERR_INVALID_CLOSE_REASON',
    })
  }
})

test('a reason is cut to what fits, between two characters, and left alone where it fits', () => {
  assert.equal(fitReason(''), '')
  assert.equal(fitReason('é'.repeat(61)), 'é'.repeat(61))
  assert.equal(fitReason('x'.repeat(124)), 'x'.repeat(123))
  assert.equal(fitReason('é'.repeat(62)), 'é'.repeat(61))
  assert.equal(fitReason(`xx${'😀'.repeat(31)}`), `xx${'😀'.repeat(30)}`)
})
