import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseUpgrade } from '../../src/http/upgrade.ts'
import { CLOSE, isWireCode } from '../../src/websocket/close.ts'
import { chooseSubprotocol, requestFields } from '../../src/websocket/handshake.ts'
import {
  CLOSE_CODES,
  EXTENSION_NAMES,
  SUBPROTOCOLS,
  type Subprotocol,
  UPGRADE_TOKENS,
} from '../../src/websocket/registry.ts'

test('R26: every registered upgrade token can be offered', () => {
  const list = parseUpgrade([UPGRADE_TOKENS.join(', ')])
  assert.equal(list.malformed, false)
  assert.deepEqual(
    list.protocols.map(({ name }) => name),
    UPGRADE_TOKENS,
  )
})

test('R26: the token of WebSocket is there in both spellings that are registered', () => {
  const spellings = UPGRADE_TOKENS.filter((token) => token.toLowerCase() === 'websocket')
  assert.deepEqual(spellings, ['WebSocket', 'websocket'])
})

test('R32: every registered subprotocol can be offered, and none is there twice', () => {
  const [, , offer] = requestFields({ key: '', protocols: SUBPROTOCOLS })
  assert.equal(offer?.[1], SUBPROTOCOLS.join(', '))
})

test('R26, R32: a name that nobody registered is as good', () => {
  const own: Subprotocol[] = ['chat.example.com', 'mqtt']
  assert.equal(chooseSubprotocol(own, ['chat.example.com']), 'chat.example.com')
})

test('R26: extension names are tokens', () => {
  assert.deepEqual(parseUpgrade([EXTENSION_NAMES.join(',')]).malformed, false)
})

test('R26: of the registered close codes all but four may travel, and they agree with those in use', () => {
  const codes = Object.values(CLOSE_CODES)
  assert.deepEqual(
    codes.filter((code) => !isWireCode(code)),
    [1004, 1005, 1006, 1015],
  )
  for (const code of Object.values(CLOSE)) assert.ok(codes.some((registered) => registered === code))
})
