import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PeerError } from '../../src/base/errors.ts'
import { parseProtocol } from '../../src/http/upgrade.ts'
import { chosenProtocol } from '../../src/upgrade/switch-check.ts'

const offered = ['example/1', 'foo/2', 'TLS/1.2', 'plain'].map((text) => parseProtocol(text)!)

const judge = (rawHeaders: readonly string[]) => chosenProtocol(rawHeaders, offered)
const code = (expected: string) => (error: unknown) => {
  assert.ok(error instanceof PeerError)
  assert.equal(error.code, expected)
  return true
}

test('R17: a 101 to the second of the offered protocols is followed', () => {
  assert.deepEqual(judge(['Connection', 'Upgrade', 'Upgrade', 'foo/2']), { name: 'foo', version: '2' })
})

test('R6: the name compares without regard to case, and comes out as it was offered', () => {
  assert.deepEqual(judge(['connection', 'UPGRADE', 'upgrade', 'EXAMPLE/1']), {
    name: 'example',
    version: '1',
  })
})

test('R6: the version compares exactly, and its absence is a version of its own', () => {
  for (const answer of ['example/1.0', 'example/2', 'example', 'plain/1', 'foo/02']) {
    assert.throws(() => judge(['Connection', 'Upgrade', 'Upgrade', answer]), code('ERR_UPGRADE_NOT_OFFERED'))
  }
})

test('R10: layers are named from the lowest up, and the lowest must have been offered', () => {
  const chosen = judge(['Connection', 'Upgrade', 'Upgrade', 'TLS/1.2, HTTP/1.1'])
  assert.deepEqual(chosen, { name: 'TLS', version: '1.2' })
  assert.deepEqual(judge(['Connection', 'Upgrade', 'Upgrade', 'TLS/1.2', 'Upgrade', 'HTTP/1.1']), chosen)
  assert.throws(
    () => judge(['Connection', 'Upgrade', 'Upgrade', 'HTTP/1.1, TLS/1.2']),
    code('ERR_UPGRADE_NOT_OFFERED'),
  )
})

test('R17: a protocol that was not offered is not followed', () => {
  assert.throws(() => judge(['Connection', 'Upgrade', 'Upgrade', 'bar']), code('ERR_UPGRADE_NOT_OFFERED'))
})

test('R7: R17: a 101 whose Connection does not name upgrade is not followed', () => {
  for (const connection of [
    [],
    ['Connection', 'keep-alive'],
    ['Connection', 'x-upgrade'],
    ['Connection', ''],
  ]) {
    assert.throws(() => judge([...connection, 'Upgrade', 'foo/2']), code('ERR_UPGRADE_NO_CONNECTION_OPTION'))
  }
  assert.ok(judge(['Connection', 'keep-alive', 'Connection', 'foo ,upgrade', 'Upgrade', 'foo/2']))
})

test('R10: a 101 that names no protocol, or nonsense, answers nothing that was asked', () => {
  for (const upgrade of [
    [],
    ['Upgrade', ''],
    ['Upgrade', ' , '],
    ['Upgrade', 'foo/2, b a d'],
    ['Upgrade', '/2'],
  ]) {
    assert.throws(() => judge(['Connection', 'Upgrade', ...upgrade]), code('ERR_UPGRADE_UNSOLICITED'))
  }
})
