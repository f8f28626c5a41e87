import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MisuseError, PeerError, TurnoutError } from '../../src/base/errors.ts'

test('an error says what was seen, and which rule if there is one', () => {
  const bare = new TurnoutError('ERR_LIMIT', 'too many')
  assert.equal(bare.message, 'too many')
  assert.equal(bare.section, undefined)
  const cited = new TurnoutError('ERR_FRAME', 'ping of 130 bytes', { section: 'RFC 6455 section 5.5' })
  assert.equal(cited.message, 'ping of 130 bytes (RFC 6455 section 5.5)')
  assert.equal(cited.section, 'RFC 6455 section 5.5')
  assert.equal(cited.code, 'ERR_FRAME')
})

test('an error keeps its cause, and has no such property without one', () => {
  const cause = new Error('why')
  assert.equal(new PeerError('ERR_BODY', 'broken', { cause }).cause, cause)
  assert.equal('cause' in new PeerError('ERR_BODY', 'broken'), false)
})

test('whose fault it was can be told by class and by name', () => {
  const misuse = new MisuseError('ERR_INVALID_TOKEN', 'no token')
  const peer = new PeerError('ERR_UTF8', 'no text')
  assert.ok(misuse instanceof TurnoutError && misuse instanceof Error && !(misuse instanceof PeerError))
  assert.ok(peer instanceof TurnoutError && peer instanceof Error && !(peer instanceof MisuseError))
  assert.equal(String(misuse), 'MisuseError: no token')
  assert.equal(String(peer), 'PeerError: no text')
  assert.equal(String(new TurnoutError('ERR_CLOSED', 'gone')), 'TurnoutError: gone')
})
