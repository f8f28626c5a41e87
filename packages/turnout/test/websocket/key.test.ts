import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { acceptKey, createKey, isKey } from '../../src/websocket/key.ts'

test('R29: the sample key of RFC 6455 section 1.3 gives the sample accept', () => {
  assert.equal(acceptKey('dGhlIHNhbXBsZSBub25jZQ=='), 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=')
})

test('R29: the accept is base64 of SHA-1 over key and GUID, however the runtime hashes', () => {
  const key = createKey()
  const expected = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
  assert.equal(acceptKey(key), expected)
})

test('R27: a key is 16 fresh bytes', () => {
  const keys = new Set(Array.from({ length: 1000 }, createKey))
  assert.equal(keys.size, 1000)
  for (const key of keys) assert.equal(Buffer.from(key, 'base64').length, 16)
})

test('R27: a key is the canonical base64 of 16 bytes, and nothing else', () => {
  assert.equal(isKey('dGhlIHNhbXBsZSBub25jZQ=='), true)
  assert.equal(isKey('/+++++++++++++++++++/w=='), true)
  for (const bad of [
    '',
    'dGhlIHNhbXBsZSBub25jZQ', // no padding
    'dGhlIHNhbXBsZSBub25jZQ=',
    'dGhlIHNhbXBsZSBub25jZR==', // bits beyond the 16th byte
    'dGhlIHNhbXBsZSBub25j', // 15 bytes
    'dGhlIHNhbXBsZSBub25jZWE=', // 17 bytes
    'dGhlIHNhbXBsZSBub25jZQ== ',
    ' dGhlIHNhbXBsZSBub25jZQ==',
    'dGhlIHNhbXBsZSBub25jZQ==\n',
    '____________________-w==', // the alphabet for URLs
    'dGhlIHNhb BsZSBub25jZQ==',
    'dGhlIHNhbXBsZSBub25jZQ==, dGhlIHNhbXBsZSBub25jZQ==',
  ]) {
    assert.equal(isKey(bad), false, JSON.stringify(bad))
  }
})

test('R27: isKey agrees with decoding and encoding again', () => {
  const digit = fc.constantFrom(...'ABQgwz09+/-_= ')
  const text = fc.oneof(
    fc.uint8Array({ minLength: 15, maxLength: 17 }).map((bytes) => Buffer.from(bytes).toString('base64')),
    fc.array(digit, { minLength: 22, maxLength: 22 }).map((digits) => `${digits.join('')}==`),
  )
  fc.assert(
    fc.property(text, (key) => {
      const bytes = Buffer.from(key, 'base64')
      assert.equal(isKey(key), bytes.length === 16 && bytes.toString('base64') === key)
    }),
  )
})
