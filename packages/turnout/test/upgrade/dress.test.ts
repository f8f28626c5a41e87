import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { test } from 'node:test'
import { dressStream } from '../../src/upgrade/dress.ts'

class FakeSocket extends EventEmitter {
  remoteAddress = '127.0.0.1'
  encrypted = true
  bytesRead = 1
  timeoutMs = 0
  readonly #secret = 'held'

  setTimeout(ms: number): this {
    this.timeoutMs = ms
    return this
  }

  getProtocol(): string {
    return this.#secret
  }
}

test('the stream answers for the socket behind it, as it is at the time', () => {
  const socket = new FakeSocket()
  const stream = new Duplex({ read() {} }) as Duplex & Partial<Socket> & { getProtocol?(): string }
  const { write } = stream
  dressStream(stream, socket as unknown as Socket)
  assert.equal(stream.remoteAddress, '127.0.0.1')
  assert.equal((stream as { encrypted?: boolean }).encrypted, true)
  socket.bytesRead = 2
  assert.equal(stream.bytesRead, 2)
  stream.setTimeout?.(5)
  assert.equal(socket.timeoutMs, 5)
  assert.equal(stream.getProtocol?.(), 'held')
  assert.equal(stream.write, write)
  assert.equal('localPort' in stream, false)
})

test('a timeout of the socket is one of the stream', () => {
  const socket = new FakeSocket()
  const stream = new Duplex({ read() {} })
  dressStream(stream, socket as unknown as Socket)
  let heard = 0
  stream.on('timeout', () => heard++)
  socket.emit('timeout')
  assert.equal(heard, 1)
})
