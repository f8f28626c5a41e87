import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkConnect, checkConnected } from '../../src/websocket/connect-handshake.ts'
import { requestFields, switchFields } from '../../src/websocket/handshake.ts'

const asked = (rawHeaders: string[]) => checkConnect({ method: 'CONNECT', httpVersion: '2.0', rawHeaders })
const none = { protocols: [], extensions: [] }

test('RFC 8441 section 5: no key is wanted, none is made, none is answered', () => {
  assert.deepEqual(asked(['sec-websocket-version', '13']), { kind: 'ok', protocols: [], extensions: [] })
  assert.deepEqual(requestFields({ protocols: ['a'] }), [
    ['Sec-WebSocket-Version', '13'],
    ['Sec-WebSocket-Protocol', 'a'],
  ])
  assert.deepEqual(switchFields({ protocol: 'a' }), [['Sec-WebSocket-Protocol', 'a']])
})

test('RFC 8441 section 5: a key of any kind is let pass', () => {
  assert.equal(asked(['sec-websocket-version', '13', 'sec-websocket-key', 'nonsense']).kind, 'ok')
})

test('RFC 8441 section 5: version, subprotocols and extensions are read as ever', () => {
  const check = asked([
    ...['sec-websocket-version', '13', 'sec-websocket-protocol', 'a, b'],
    ...['sec-websocket-extensions', 'x; y=1'],
  ])
  assert.deepEqual(check, {
    kind: 'ok',
    protocols: ['a', 'b'],
    extensions: [{ name: 'x', parameters: [['y', '1']] }],
  })
  for (const bad of [
    [],
    ['sec-websocket-version', '8'],
    ['sec-websocket-version', '13', 'sec-websocket-version', '13'],
    ['sec-websocket-version', '13', 'sec-websocket-protocol', 'a b'],
    ['sec-websocket-version', '13', 'sec-websocket-extensions', ';'],
  ]) {
    assert.equal(asked(bad).kind, 'refused', bad.join(' '))
  }
})

test('RFC 8441 section 5: any 2xx with a stream behind it is success', () => {
  for (const statusCode of [200, 204, 299]) {
    assert.deepEqual(checkConnected({ statusCode, rawHeaders: [], ended: false }, none), {
      protocol: '',
      extensions: [],
    })
  }
  for (const [statusCode, ended] of [
    [200, true],
    [101, false],
    [300, false],
    [403, false],
  ] as const) {
    assert.throws(() => checkConnected({ statusCode, rawHeaders: [], ended }, none), {
      code: 'ERR_UPGRADE_DECLINED',
    })
  }
})

test('WHATWG, establish a connection: over HTTP/2, too, one of the subprotocols may be wanted', () => {
  const answer = { statusCode: 200, rawHeaders: [], ended: false }
  const offered = { protocols: ['a'], extensions: [] }
  assert.throws(() => checkConnected(answer, { ...offered, requireProtocol: true }), {
    code: 'ERR_SUBPROTOCOL_MISSING',
  })
  assert.equal(checkConnected(answer, offered).protocol, '')
})

test('RFC 8441 section 5: nothing is agreed that was not offered', () => {
  const answer = (name: string) => ({ statusCode: 200, rawHeaders: [name, 'x'], ended: false })
  assert.throws(() => checkConnected(answer('sec-websocket-protocol'), none), {
    code: 'ERR_SUBPROTOCOL_NOT_OFFERED',
  })
  assert.throws(() => checkConnected(answer('sec-websocket-extensions'), none), {
    code: 'ERR_EXTENSION_NOT_OFFERED',
  })
})
