import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatAnswer } from '../../src/http/head.ts'
import type { Answer } from '../../src/http/message.ts'
import {
  checkHandshake,
  checkSwitch,
  chooseSubprotocol,
  readVersions,
  requestFields,
  switchFields,
} from '../../src/websocket/handshake.ts'

const key = 'dGhlIHNhbXBsZSBub25jZQ=='
const accept = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo='

/** A handshake with lines replaced (a string or several), removed (undefined) or added. */
function request(changes: Record<string, string | string[] | undefined> = {}, method = 'GET') {
  const lines: Record<string, string | string[] | undefined> = {
    Host: 'server.example.com',
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Key': key,
    'Sec-WebSocket-Version': '13',
    ...changes,
  }
  return { method, httpVersion: '1.1', rawHeaders: raw(lines) }
}

function raw(lines: Record<string, string | string[] | undefined>): string[] {
  return Object.entries(lines).flatMap(([name, value]) =>
    [value ?? []].flat().flatMap((line) => [name, line]),
  )
}

function accepted(changes: Parameters<typeof request>[0] = {}) {
  const check = checkHandshake(request(changes))
  assert.ok(check.kind === 'ok', check.kind === 'refused' ? check.answer.body : '')
  return check
}

function refused(changes: Parameters<typeof request>[0] = {}, method = 'GET'): Answer {
  const check = checkHandshake(request(changes, method))
  assert.ok(check.kind === 'refused')
  // Every refusal is one plain sentence, and can be written.
  assert.match(check.answer.body, /^[A-Z][^\n]*\.\n$/)
  formatAnswer(check.answer)
  return check.answer
}

const field = (answer: Answer, name: string) =>
  answer.fields.filter(([own]) => own.toLowerCase() === name.toLowerCase()).map(([, value]) => value)

test('R22: a handshake from scratch is taken', () => {
  assert.deepEqual(accepted(), { kind: 'ok', key, protocols: [], extensions: [] })
})

test('R19: another method than GET gets 405 with Allow: GET', () => {
  for (const method of ['POST', 'HEAD', 'OPTIONS', 'get', 'CONNECT']) {
    const answer = refused({}, method)
    assert.equal(answer.status, 405)
    assert.deepEqual(field(answer, 'Allow'), ['GET'])
    assert.ok(answer.body.includes(JSON.stringify(method)))
  }
})

test('R23: without a key it gets 400', () => {
  const answer = refused({ 'Sec-WebSocket-Key': undefined })
  assert.equal(answer.status, 400)
  assert.match(answer.body, /Sec-WebSocket-Key is missing/)
})

test('R23: without a version it gets 400 with the list of versions', () => {
  const answer = refused({ 'Sec-WebSocket-Version': undefined })
  assert.equal(answer.status, 400)
  assert.deepEqual(field(answer, 'Sec-WebSocket-Version'), ['13'])
})

test('R27: a key that came twice gets 400, be it the same one', () => {
  assert.match(refused({ 'Sec-WebSocket-Key': [key, key] }).body, /came 2 times/)
  assert.equal(refused({ 'Sec-WebSocket-Key': `${key}, ${key}` }).status, 400)
})

test('R27, R28: a key that is not 16 bytes in canonical base64 gets 400', () => {
  for (const odd of [
    '',
    'x',
    'dGhlIHNhbXBsZSBub25j',
    'dGhlIHNhbXBsZSBub25jZR==',
    `${key}=`,
    'a'.repeat(5000),
  ]) {
    const answer = refused({ 'Sec-WebSocket-Key': odd })
    assert.equal(answer.status, 400)
    assert.ok(answer.body.length < 300)
  }
})

test('R33: version 13 is taken, and the client sends it', () => {
  accepted({ 'Sec-WebSocket-Version': '13' })
  assert.deepEqual(raw(Object.fromEntries(requestFields({ key }))), [
    ...['Sec-WebSocket-Key', key, 'Sec-WebSocket-Version', '13'],
  ])
})

test('R34: another version gets 426 with the list, Upgrade and Connection', () => {
  for (const version of ['0', '7', '8', '12', '14', '255']) {
    const answer = refused({ 'Sec-WebSocket-Version': version })
    assert.equal(answer.status, 426, version)
    assert.deepEqual(field(answer, 'Sec-WebSocket-Version'), ['13'])
    assert.deepEqual(field(answer, 'Upgrade'), ['websocket'])
    assert.deepEqual(field(answer, 'Connection'), ['Upgrade'])
  }
})

test('R34: a malformed version gets 400 with the list, and no offer to upgrade', () => {
  for (const version of [
    '013',
    '256',
    '13, 8',
    '',
    '-1',
    '1e1',
    '13.0',
    ' 13',
    '٣',
    ['13', '13'],
    ['13', '8'],
  ]) {
    const answer = refused({ 'Sec-WebSocket-Version': version })
    assert.equal(answer.status, 400, JSON.stringify(version))
    assert.deepEqual(field(answer, 'Sec-WebSocket-Version'), ['13'])
    assert.deepEqual(field(answer, 'Upgrade'), [])
  }
})

test('R34: an old version is told before an odd key', () => {
  assert.equal(refused({ 'Sec-WebSocket-Version': '8', 'Sec-WebSocket-Key': 'odd' }).status, 426)
  assert.equal(refused({ 'Sec-WebSocket-Version': '0', 'Sec-WebSocket-Key': undefined }).status, 426)
})

test('a request with a body gets 400, and the connection closes', () => {
  for (const body of [
    { 'Content-Length': '1' },
    { 'Content-Length': 'x' },
    { 'Transfer-Encoding': 'chunked' },
    { 'Transfer-Encoding': 'identity' },
    { 'Content-Length': ['0', '0'] },
  ] as Record<string, string | string[]>[]) {
    const answer = refused(body)
    assert.equal(answer.status, 400, JSON.stringify(body))
    assert.equal(answer.close, true)
  }
  accepted({ 'Content-Length': '0' })
})

test('any refusal closes when a body would follow it, and keeps the connection when none does', () => {
  assert.equal(refused({ 'Content-Length': '3' }, 'POST').close, true)
  assert.equal(refused({}, 'POST').close, false)
  assert.equal(refused({ 'Sec-WebSocket-Version': '8' }).close, false)
})

test('R24: extensions of several lines come out as one list', () => {
  assert.deepEqual(accepted({ 'Sec-WebSocket-Extensions': ['foo; a=1', 'bar, baz'] }).extensions, [
    { name: 'foo', parameters: [['a', '1']] },
    { name: 'bar', parameters: [] },
    { name: 'baz', parameters: [] },
  ])
})

test('R24: malformed extensions get 400', () => {
  for (const odd of ['', 'foo;', 'foo; a="b c"', 'foo bar', ['foo', ';']]) {
    assert.equal(refused({ 'Sec-WebSocket-Extensions': odd }).status, 400, JSON.stringify(odd))
  }
})

test('R25: an extension that nobody knows is no reason to refuse', () => {
  assert.equal(
    accepted({ 'Sec-WebSocket-Extensions': 'superspeed, colormode; depth=16' }).extensions.length,
    2,
  )
})

test('R31: subprotocols come out in the client’s order, from all lines', () => {
  const check = accepted({ 'Sec-WebSocket-Protocol': ['chat.v2,, chat.v1', 'Chat.v2'] })
  assert.deepEqual(check.protocols, ['chat.v2', 'chat.v1', 'Chat.v2'])
})

test('R31: an empty, repeated or non-token subprotocol gets 400', () => {
  for (const odd of ['', ',', 'a b', 'a, a', ['a', 'a'], 'a/b', '"a"', 'a, é']) {
    const answer = refused({ 'Sec-WebSocket-Protocol': odd })
    assert.equal(answer.status, 400, JSON.stringify(odd))
  }
})

test('R31: thousands of subprotocols take no quadratic time', () => {
  const many = Array.from({ length: 20_000 }, (_, at) => `p${at}`)
  const before = process.cpuUsage()
  assert.equal(accepted({ 'Sec-WebSocket-Protocol': many.join(',') }).protocols.length, many.length)
  const { user, system } = process.cpuUsage(before)
  assert.ok(user + system < 500_000, `${user + system} µs`)
})

test('R31: the client’s first that the server supports is chosen, letter by letter', () => {
  assert.equal(chooseSubprotocol(['b', 'a'], ['a', 'b']), 'b')
  assert.equal(chooseSubprotocol(['c', 'a'], ['a', 'b']), 'a')
  assert.equal(chooseSubprotocol(['A'], ['a']), undefined)
  assert.equal(chooseSubprotocol([], ['a']), undefined)
})

test('R32: a subprotocol may be registered or private', () => {
  const offer = 'graphql-transport-ws, v12.stomp, soap.example.com'
  assert.deepEqual(accepted({ 'Sec-WebSocket-Protocol': offer }).protocols, offer.split(', '))
})

test('R29, R30: the 101 answers the key once', () => {
  assert.deepEqual(switchFields({ key }), [['Sec-WebSocket-Accept', accept]])
})

test('R31, R24: the 101 names one subprotocol and the extensions', () => {
  assert.deepEqual(switchFields({ key, protocol: 'chat', extensions: 'foo; a=1', headers: [['X-A', 'b']] }), [
    ['Sec-WebSocket-Accept', accept],
    ['Sec-WebSocket-Protocol', 'chat'],
    ['Sec-WebSocket-Extensions', 'foo; a=1'],
    ['X-A', 'b'],
  ])
  assert.equal(switchFields({ key, protocol: '', extensions: '' }).length, 1)
})

test('R35: the 101 has no Sec-WebSocket-Version, not even by the application’s wish', () => {
  assert.ok(switchFields({ key }).every(([name]) => name !== 'Sec-WebSocket-Version'))
  assert.throws(() => switchFields({ key, headers: [['sec-websocket-version', '13']] }), {
    code: 'ERR_INVALID_ARGUMENT',
  })
})

test('R10, R30: the application adds no second Accept, no Upgrade and no length', () => {
  for (const name of [
    'Sec-WebSocket-Accept',
    'upgrade',
    'CONNECTION',
    'Content-Length',
    'Transfer-Encoding',
  ]) {
    assert.throws(() => switchFields({ key, headers: [[name, 'x']] }), { code: 'ERR_INVALID_ARGUMENT' }, name)
  }
})

test('CR, LF, NUL and non-tokens from the application are refused before a byte is written', () => {
  assert.throws(() => switchFields({ key, protocol: 'a b' }), { code: 'ERR_INVALID_TOKEN' })
  assert.throws(() => switchFields({ key, protocol: 'a\r\nX: b' }), { code: 'ERR_INVALID_TOKEN' })
  assert.throws(() => switchFields({ key, extensions: 'a\r\nX: b' }), { code: 'ERR_INVALID_FIELD_VALUE' })
  assert.throws(() => switchFields({ key, headers: [['X', 'a\0']] }), { code: 'ERR_INVALID_FIELD_VALUE' })
  assert.throws(() => switchFields({ key, headers: [['X:', 'a']] }), { code: 'ERR_INVALID_TOKEN' })
  assert.throws(() => requestFields({ key, protocols: ['a,b'] }), { code: 'ERR_INVALID_TOKEN' })
  assert.throws(() => requestFields({ key, extensions: 'a\n' }), { code: 'ERR_INVALID_FIELD_VALUE' })
})

test('R20: the client refuses to offer a subprotocol twice', () => {
  assert.throws(() => requestFields({ key, protocols: ['a', 'b', 'a'] }), { code: 'ERR_INVALID_ARGUMENT' })
})

test('R22, R31: the client writes its subprotocols in order, on one line', () => {
  assert.deepEqual(requestFields({ key, protocols: ['chat.v2', 'chat.v1'], extensions: 'foo' }).slice(2), [
    ['Sec-WebSocket-Protocol', 'chat.v2, chat.v1'],
    ['Sec-WebSocket-Extensions', 'foo'],
  ])
})

test('what the client writes, the server takes', () => {
  const fields = requestFields({ key, protocols: ['a', 'b'], extensions: 'foo; bar=1' })
  const check = checkHandshake({ method: 'GET', httpVersion: '1.1', rawHeaders: fields.flat() })
  assert.deepEqual(check, {
    kind: 'ok',
    key,
    protocols: ['a', 'b'],
    extensions: [{ name: 'foo', parameters: [['bar', '1']] }],
  })
})

const expected = { key, protocols: ['chat.v2', 'chat.v1'], extensions: ['foo'] }

/** Holds a 101, with lines changed as in `request`, against what was asked for. */
function judge(changes: Record<string, string | string[] | undefined> = {}, statusCode = 101) {
  const lines = { Upgrade: 'websocket', Connection: 'Upgrade', 'Sec-WebSocket-Accept': accept, ...changes }
  return checkSwitch({ statusCode, rawHeaders: raw(lines) }, expected)
}

const fails = (code: string, changes: Parameters<typeof judge>[0], statusCode = 101) =>
  assert.throws(() => judge(changes, statusCode), { name: 'PeerError', code }, JSON.stringify(changes))

test('R17: a 101 that answers the request is taken', () => {
  assert.deepEqual(judge(), { protocol: '', extensions: [] })
  assert.deepEqual(judge({ Upgrade: 'WebSocket', Connection: 'keep-alive, upgrade' }), {
    protocol: '',
    extensions: [],
  })
})

test('R17: another status than 101 is no switch', () => {
  fails('ERR_UPGRADE_DECLINED', {}, 200)
})

test('R17: the 101 must name websocket, and it alone', () => {
  for (const odd of [undefined, '', 'foo', 'websocket/13', 'websocket, foo', ['websocket', 'websocket']]) {
    fails('ERR_UPGRADE_NOT_OFFERED', { Upgrade: odd })
  }
})

test('R17: the 101 must name upgrade in Connection', () => {
  for (const odd of [undefined, 'keep-alive', 'x-upgrade']) {
    fails('ERR_UPGRADE_NO_CONNECTION_OPTION', { Connection: odd })
  }
})

test('R30: an accept that is missing, wrong or twice fails', () => {
  for (const odd of [
    undefined,
    '',
    'x',
    accept.toLowerCase(),
    key,
    [accept, accept],
    `${accept}, ${accept}`,
  ]) {
    fails('ERR_ACCEPT_MISMATCH', { 'Sec-WebSocket-Accept': odd })
  }
})

test('R31: the client takes one subprotocol of those it offered', () => {
  assert.equal(judge({ 'Sec-WebSocket-Protocol': 'chat.v1' }).protocol, 'chat.v1')
})

test('R31: a subprotocol that was not offered, or several, fails', () => {
  for (const odd of ['', 'other', 'Chat.v1', 'chat.v1, chat.v2', ['chat.v1', 'chat.v1'], ['chat.v1', 'x']]) {
    fails('ERR_SUBPROTOCOL_NOT_OFFERED', { 'Sec-WebSocket-Protocol': odd })
  }
})

test('WHATWG, establish a connection: where one of the subprotocols is wanted, none at all fails', () => {
  const rawHeaders = raw({ Upgrade: 'websocket', Connection: 'Upgrade', 'Sec-WebSocket-Accept': accept })
  const agreed = (protocols: string[], requireProtocol: boolean) =>
    checkSwitch({ statusCode: 101, rawHeaders }, { key, protocols, extensions: [], requireProtocol }).protocol
  assert.throws(() => agreed(['chat.v1', 'chat.v2'], true), { code: 'ERR_SUBPROTOCOL_MISSING' })
  assert.equal(agreed([], true), '')
  assert.equal(agreed(['chat.v1', 'chat.v2'], false), '')
})

test('R31: a subprotocol that nobody asked for fails', () => {
  const rawHeaders = raw({
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Accept': accept,
    'Sec-WebSocket-Protocol': 'chat',
  })
  assert.throws(() => checkSwitch({ statusCode: 101, rawHeaders }, { key, protocols: [], extensions: [] }), {
    code: 'ERR_SUBPROTOCOL_NOT_OFFERED',
  })
})

test('R24, R25: the client takes extensions that it offered, from all lines', () => {
  assert.deepEqual(judge({ 'Sec-WebSocket-Extensions': ['foo; a=1', 'foo'] }).extensions, [
    { name: 'foo', parameters: [['a', '1']] },
    { name: 'foo', parameters: [] },
  ])
})

test('R24, R25: an extension that was not offered, or a malformed list, fails', () => {
  for (const odd of ['bar', 'foo, bar', ['foo', 'bar'], 'foo;', 'Foo', '']) {
    fails('ERR_EXTENSION_NOT_OFFERED', { 'Sec-WebSocket-Extensions': odd })
  }
})

test('R26: names need not be registered', () => {
  accepted({ 'Sec-WebSocket-Protocol': 'x-unheard-of', 'Sec-WebSocket-Extensions': 'x-unheard-of' })
})

test('R36: the versions of a refusal are read from all lines, in order', () => {
  assert.deepEqual(readVersions(['Sec-WebSocket-Version', '13', 'sec-websocket-version', '8, 7']), [13, 8, 7])
  assert.deepEqual(readVersions(['Sec-WebSocket-Version', '13, 013, x, 256, , 0']), [13, 0])
  assert.deepEqual(readVersions([]), [])
})
