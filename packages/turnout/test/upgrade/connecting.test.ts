import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import type { ClientRequest } from 'node:http'
import { test } from 'node:test'
import { Connecting, noAnswer, notConnected } from '../../src/upgrade/connecting.ts'

/** A request, as far as its connection is concerned. */
function requested(secure: boolean): { connecting: Connecting; request: EventEmitter } {
  const request = new EventEmitter()
  return { connecting: new Connecting(request as ClientRequest, secure), request }
}

const seen = ({ connecting }: { connecting: Connecting }): string =>
  connecting.failure('example:80', undefined).message.split(' example')[0]!

for (const [title, secure, state, event] of [
  ['over TCP', false, { connecting: true }, 'connect'],
  [
    'over TLS, whose handshake is part of it',
    true,
    { connecting: true, secureConnecting: true },
    'secureConnect',
  ],
  ['over TLS on a connection that is there', true, { secureConnecting: true }, 'secureConnect'],
] as const) {
  test(`a request has no connection before ${event}, ${title}`, () => {
    const trial = requested(secure)
    assert.equal(seen(trial), 'cannot connect to')
    const socket = Object.assign(new EventEmitter(), state)
    trial.request.emit('socket', socket)
    if (event !== 'connect') socket.emit('connect')
    assert.equal(seen(trial), 'cannot connect to')
    socket.emit(event)
    assert.equal(seen(trial), 'no answer from')
  })
}

test('a connection of an agent that is kept alive is there at once', () => {
  const trial = requested(true)
  trial.request.emit('socket', new EventEmitter())
  assert.equal(seen(trial), 'no answer from')
})

test('an error says where, and why in words that help', () => {
  const odd = new Error('write EPROTO 40:error:0A00010B:SSL routines:ssl3_get_record:wrong version number:\n')
  for (const [error, message] of [
    [noAnswer('a:1', undefined), 'no answer from a:1: the connection was closed'],
    [notConnected('a:1', new Error('connect ECONNREFUSED\n')), 'cannot connect to a:1: connect ECONNREFUSED'],
    [notConnected('a:1', odd), 'cannot connect to a:1: what listens there speaks no TLS'],
    [notConnected('a:1', 'called off'), /called off/],
  ] as const) {
    if (typeof message === 'string') assert.equal(error.message, message)
    else assert.match(error.message, message)
    assert.equal(error.code, 'ERR_CONNECT')
  }
  assert.equal(notConnected('a:1', odd).cause, odd)
})

for (const [said, means] of [
  [
    'write EPROTO 40:error:0A000410:SSL routines:ssl3_read_bytes:sslv3 alert handshake failure:../rec_layer_s3.c:1601:SSL alert number 40\n',
    'it sent TLS alert 40, handshake failure',
  ],
  [
    '40:error:0A000410:SSL routines:ssl3_read_bytes:ssl/tls alert handshake failure:../rec_layer_s3.c:918:SSL alert number 40\n',
    'it sent TLS alert 40, handshake failure',
  ],
  [
    '40:error:0A00045C:SSL routines:ssl3_read_bytes:tlsv13 alert certificate required:../a.c:1:SSL alert number 116\n',
    'it sent TLS alert 116, certificate required',
  ],
  [
    '40:error:0A000458:SSL routines:ssl3_read_bytes:tlsv1 unrecognized name:../a.c:1:SSL alert number 112\n',
    'it sent TLS alert 112, unrecognized name',
  ],
  [
    '40:error:0A000102:SSL routines:ssl_choose_client_version:unsupported protocol:../statem_lib.c:1:\n',
    'unsupported protocol (OpenSSL)',
  ],
  ['error:0480006C:PEM routines::no start line', 'no start line (OpenSSL)'],
  ['certificate has expired', 'certificate has expired'],
] as const) {
  test(`what OpenSSL says is told without its source: ${means}`, () => {
    assert.equal(notConnected('a:1', new Error(said)).message, `cannot connect to a:1: ${means}`)
  })
}
