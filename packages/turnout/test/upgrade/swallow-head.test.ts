import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { swallowHead } from '../../src/upgrade/swallow-head.ts'
import { turn } from '../base/turns.ts'

function trial(): { socket: PassThrough; out(): string } {
  const socket = new PassThrough()
  swallowHead(socket)
  return { socket, out: () => String(socket.read() ?? '') }
}

test('one head goes nowhere, and what is written behind it leaves', () => {
  const { socket, out } = trial()
  socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n', 'latin1')
  assert.equal(out(), '')
  socket.write('GET /next HTTP/1.1\r\n\r\n')
  assert.equal(out(), 'GET /next HTTP/1.1\r\n\r\n')
})

test('a head in pieces, of text or bytes, is one', () => {
  const { socket, out } = trial()
  for (const piece of ['GET / HTTP/1.1\r\nHost: a\r', Buffer.from('\n\r'), '\n']) socket.write(piece)
  socket.write('behind')
  assert.equal(out(), 'behind')
})

test('whoever writes it is told that it is written, and not before the call returns', async () => {
  const { socket } = trial()
  const told: string[] = []
  assert.equal(
    socket.write('GET / HTTP/1.1\r\n\r\n', 'latin1', () => told.push('written')),
    true,
  )
  told.push('returned')
  await turn()
  assert.deepEqual(told, ['returned', 'written'])
})
