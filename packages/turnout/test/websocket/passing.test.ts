import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { test } from 'node:test'
import { MisuseError, PeerError } from '../../src/base/errors.ts'
import { ProxyError } from '../../src/upgrade/tunnel.ts'
import { HandshakeError } from '../../src/websocket/handshake-error.ts'
import { isPassing, retryAfterMs } from '../../src/websocket/passing.ts'

function answered(status: number, ...rawHeaders: string[]): HandshakeError {
  const response = { statusCode: status, rawHeaders } as unknown as IncomingMessage
  return new HandshakeError('ERR_UPGRADE_DECLINED', 'no', { response, body: Buffer.alloc(0) })
}

function closed(code: number) {
  return { code, reason: '', clean: true, cause: undefined }
}

test('of the close codes those pass that say nothing against coming back', () => {
  const passing = Array.from({ length: 5_001 }, (_, code) => code).filter((code) => isPassing(closed(code)))
  assert.deepEqual(passing, [1001, 1005, 1006, 1011, 1012, 1013, 1014])
})

test('of the answers those pass that are of the moment', () => {
  const passing = Array.from({ length: 500 }, (_, at) => at + 100).filter((status) =>
    isPassing(answered(status)),
  )
  assert.deepEqual(
    passing.filter((status) => status < 500),
    [408, 425, 429],
  )
  assert.deepEqual(
    passing.filter((status) => status >= 500 && status < 506),
    [500, 502, 503, 504],
  )
})

test('a proxy’s answer is judged as the server’s; 407 stays', () => {
  const { response } = answered(407)
  assert.equal(
    isPassing(new ProxyError('ERR_PROXY_REFUSED', 'no', { response, body: Buffer.alloc(0) })),
    false,
  )
})

test('a server that is out of reach may come back; one that breaks the rules will again', () => {
  assert.ok(isPassing(new PeerError('ERR_CONNECT', 'x')))
  assert.ok(isPassing(new PeerError('ERR_HANDSHAKE_TIMEOUT', 'x')))
  assert.ok(!isPassing(new PeerError('ERR_ACCEPT_MISMATCH', 'x')))
  assert.ok(!isPassing(new PeerError('ERR_SUBPROTOCOL_NOT_OFFERED', 'x')))
  assert.ok(!isPassing(new MisuseError('ERR_INVALID_ARGUMENT', 'x')))
  assert.ok(isPassing(new Error('what the application threw')))
})

test('RFC 9110 section 10.2.3: Retry-After in seconds, or as a date counted from Date', () => {
  assert.equal(retryAfterMs(answered(503, 'retry-after', '120')), 120_000)
  assert.equal(retryAfterMs(answered(429, 'Retry-After', '0')), 0)
  const date = ['Date', 'Fri, 31 Dec 1999 23:59:00 GMT']
  assert.equal(retryAfterMs(answered(503, 'Retry-After', 'Fri, 31 Dec 1999 23:59:59 GMT', ...date)), 59_000)
  assert.equal(retryAfterMs(answered(503, 'Retry-After', 'Fri, 31 Dec 1999 23:58:00 GMT', ...date)), 0)
  const soon = retryAfterMs(answered(503, 'Retry-After', new Date(Date.now() + 60_000).toUTCString()))
  assert.ok(soon > 50_000 && soon <= 60_000)
  for (const nonsense of ['', 'soon', '-1', '1.5e9x']) {
    assert.equal(retryAfterMs(answered(503, 'Retry-After', nonsense, ...date)), 0, nonsense)
  }
  assert.equal(retryAfterMs(answered(503, 'Retry-After', '1', 'retry-after', '2')), 0)
  assert.equal(retryAfterMs(answered(503)), 0)
  assert.equal(retryAfterMs(closed(1013)), 0)
})
