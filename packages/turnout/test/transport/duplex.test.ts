import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { Duplex } from 'node:stream'
import { test } from 'node:test'
import tls from 'node:tls'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { duplexTransport } from '../../src/transport/duplex.ts'
import { turn, until } from '../base/turns.ts'
import { certificate, privateKey } from '../upgrade/certificate.ts'
import { bytes, logSink, started } from './sink.ts'

/** A Duplex whose other side is in the test's hands. */
class Pipe extends Duplex {
  readonly written: string[] = []
  /** Completes the write that is under way; set while one is. */
  release: (() => void) | undefined
  readonly #holds: boolean

  constructor(options: { holds?: boolean; autoDestroy?: boolean; highWaterMark?: number } = {}) {
    super({
      allowHalfOpen: true,
      autoDestroy: options.autoDestroy ?? true,
      highWaterMark: options.highWaterMark ?? 16,
    })
    this.#holds = options.holds ?? false
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.#take(chunk.toString(), done)
  }

  override _writev(chunks: { chunk: Buffer }[], done: () => void): void {
    this.#take(chunks.map(({ chunk }) => chunk).join('|'), done)
  }

  #take(text: string, done: () => void): void {
    this.written.push(text)
    if (this.#holds) this.release = done
    else done()
  }
}

test('what was unshifted or buffered comes out first, and nothing within start itself', async () => {
  const stream = new Pipe()
  stream.push('third')
  stream.unshift(bytes('second '))
  stream.unshift(bytes('first '))
  const heard = started(duplexTransport(stream))
  assert.deepEqual(heard.told, [])
  await turn()
  assert.equal(heard.bytes.toString(), 'first second third')
})

test('a stream that was paused before it was handed over flows', async () => {
  const stream = new Pipe()
  stream.pause()
  stream.push('kept')
  const heard = started(duplexTransport(stream))
  await turn()
  assert.deepEqual(heard.told, ['data kept'])
})

test('the pieces of one write leave as one unit', async () => {
  const stream = new Pipe()
  const transport = duplexTransport(stream)
  started(transport)
  transport.write([bytes('one')])
  transport.write([bytes('two'), bytes('three')])
  await turn()
  assert.deepEqual(stream.written, ['one', 'two|three'])
})

test('write asks to wait when the stream is full, and drain follows', async () => {
  const stream = new Pipe({ holds: true })
  const transport = duplexTransport(stream)
  const heard = started(transport)
  assert.equal(transport.write([bytes('short')]), true)
  assert.equal(transport.bufferedBytes, 5)
  assert.equal(transport.write([bytes('longer than '), bytes('sixteen bytes')]), false)
  assert.equal(transport.bufferedBytes, 30)
  stream.release!()
  await turn()
  assert.deepEqual(heard.told, [])
  stream.release!()
  await turn()
  assert.deepEqual(heard.told, ['drain'])
  assert.equal(transport.bufferedBytes, 0)
})

test('pause holds data and the end back until resume', async () => {
  const stream = new Pipe()
  const transport = duplexTransport(stream)
  const heard = started(transport, () => transport.pause())
  stream.push('one')
  await turn()
  stream.push('two')
  stream.push(null)
  await turn()
  assert.deepEqual(heard.told, ['data one'])
  transport.resume()
  await turn()
  transport.resume()
  await turn()
  assert.deepEqual(heard.told, ['data one', 'data two', 'end'])
})

test('each side can end without the other; both ended closes', async () => {
  const stream = new Pipe()
  const transport = duplexTransport(stream)
  const heard = started(transport)
  stream.push(null)
  await turn()
  assert.deepEqual(heard.told, ['end'])
  assert.equal(transport.write([bytes('still')]), true)
  transport.end()
  await turn()
  assert.deepEqual(stream.written, ['still'])
  assert.deepEqual(heard.told, ['end', 'close'])
})

test('an end that somebody read before the start is told all the same', async () => {
  const stream = new Pipe()
  stream.resume()
  stream.push(null)
  await turn()
  const heard = started(duplexTransport(stream))
  await turn()
  assert.deepEqual(heard.told, ['end'])
})

test('destroy closes, with its error if it has one, and no error escapes', async () => {
  for (const error of [undefined, new Error('mine')]) {
    const stream = new Pipe()
    const transport = duplexTransport(stream)
    const heard = started(transport)
    transport.destroy(error)
    assert.deepEqual(heard.told, [])
    await turn()
    assert.deepEqual(heard.told, [error === undefined ? 'close' : 'close mine'])
    assert.equal(transport.write([bytes('late')]), false)
    transport.end()
    transport.destroy(new Error('again'))
    await turn()
    assert.equal(heard.told.length, 1)
  }
})

test('a stream that died before the start is reported closed, whether or not its close event is over', async () => {
  for (const over of [false, true]) {
    const stream = new Pipe()
    stream.on('error', () => {})
    stream.destroy(new Error('reset'))
    if (over) await turn()
    const sink = logSink()
    duplexTransport(stream).start(sink)
    assert.deepEqual(sink.told, [])
    await turn()
    assert.deepEqual(sink.told, ['close reset'])
  }
})

test('a stream that reports an error and leaves it at that is closed', async () => {
  const stream = new Pipe({ autoDestroy: false })
  const heard = started(duplexTransport(stream))
  stream.emit('error', new Error('half dead'))
  await turn()
  assert.deepEqual(heard.told, ['close half dead'])
})

test('a TCP socket: bytes, backpressure, half-close and reset', { timeout: 10_000 }, async () => {
  const server = net.createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  const sockets: net.Socket[] = []
  const connect = async () => {
    const client = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    const [accepted] = (await once(server, 'connection')) as [net.Socket]
    sockets.push(client, accepted)
    return { client, accepted }
  }
  try {
    const { client, accepted } = await connect()
    const transport = duplexTransport(accepted)
    const sink = logSink()
    const drained = new Promise<void>((resolve) => {
      sink.onDrain = resolve
    })
    const ended = new Promise<void>((resolve) => {
      sink.onEnd = resolve
    })
    const closed = new Promise<void>((resolve) => {
      sink.onClose = () => resolve()
    })
    transport.start(sink)
    client.write('hello')
    let written = 0
    for (; written < 20_000_000; written += 200_000) {
      transport.write([Buffer.alloc(100_000), Buffer.alloc(100_000)])
    }
    assert.ok(transport.bufferedBytes > 0)
    let read = 0
    client.on('data', (chunk: Buffer) => {
      read += chunk.length
    })
    await drained
    client.end()
    await ended
    assert.equal(sink.bytes.toString(), 'hello')
    transport.write([bytes('x')])
    transport.end()
    await once(client, 'close')
    await closed
    assert.equal(read, written + 1)

    const second = await connect()
    second.client.on('error', () => {})
    const lost = new Promise<Error | undefined>((resolve) => {
      duplexTransport(second.accepted).start({ ...logSink(), onClose: resolve })
    })
    second.client.resetAndDestroy()
    assert.equal(((await lost) as NodeJS.ErrnoException).code, 'ECONNRESET')
  } finally {
    for (const socket of sockets) socket.destroy()
    server.close()
  }
})

test('settled: over TLS no write is when it returns, and the sink is told once all are', async (t) => {
  const server = tls.createServer({ cert: certificate, key: privateKey }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  const client = tls.connect({ port, host: '127.0.0.1', ca: certificate })
  const [accepted] = (await once(server, 'secureConnection')) as [tls.TLSSocket]
  t.after(() => {
    client.destroy()
    accepted.destroy()
    server.close()
  })
  const transport = duplexTransport(accepted)
  const told: boolean[] = []
  transport.start({ ...logSink(), onSettled: () => told.push(transport.settled) })
  assert.deepEqual([transport.settled, transport.tellsSettled], [true, true])
  for (const pieces of [['one'], ['two ', 'pieces'], [Buffer.alloc(300_000)]]) {
    transport.write(pieces.map((piece) => Buffer.from(piece)))
    assert.equal(transport.settled, false)
  }
  client.resume()
  await until(() => transport.settled)
  await turn()
  assert.ok(told.length > 0 && !told.includes(false))

  // whoever has put a method of their own in the way may keep what is written
  const before = told.length
  accepted.write = ((...args: [Buffer]) => net.Socket.prototype.write.apply(accepted, args)) as never
  transport.write([Buffer.from('three')])
  await until(() => transport.bufferedBytes === 0)
  await turn()
  assert.deepEqual([told.length, transport.tellsSettled], [before, false])
})

test('settled: a socket is, once everything was written; of a stream of another kind nobody knows', async (t) => {
  const pipe = duplexTransport(new Pipe())
  pipe.write([Buffer.from('hello')])
  assert.equal(pipe.settled, false)

  // one that takes bytes in, and writes them later
  for (const name of ['_write', '_writev', '_writeGeneric']) {
    const shaped = new net.Socket()
    assert.equal(duplexTransport(shaped).settled, true)
    Object.assign(shaped, { [name]: () => {} })
    assert.equal(duplexTransport(shaped).settled, false)
  }

  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = net.connect((server.address() as net.AddressInfo).port, '127.0.0.1')
  const [accepted] = (await once(server, 'connection')) as [net.Socket]
  t.after(() => {
    client.destroy()
    accepted.destroy()
    server.close()
  })
  const transport = duplexTransport(accepted)
  assert.equal(transport.settled, true)
  // nobody reads: in the end the system takes no more
  const block = Buffer.alloc(1_048_576)
  for (let count = 0; count < 64 && transport.settled; count++) transport.write([block])
  assert.equal(transport.settled, false)
  client.resume()
  while (transport.bufferedBytes > 0) await turn()
  assert.equal(transport.settled, true)
  // somebody has put a method of their own in the way, and may keep what is written
  accepted.write = ((chunk: Buffer) => net.Socket.prototype.write.call(accepted, chunk)) as never
  assert.equal(transport.settled, false)
})

test('whoever keeps a stream that has closed keeps nothing of what lived on it', async () => {
  const stream = new Pipe()
  const sink = await (async () => {
    const made = logSink()
    duplexTransport(stream).start(made)
    stream.destroy()
    await turn()
    assert.deepEqual(made.told, ['close'])
    return new WeakRef(made)
  })()
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  // what a WeakRef refers to stays until the end of its turn
  for (let turns = 0; turns < 10 && sink.deref() !== undefined; turns++) {
    await turn()
    collect()
  }
  assert.equal(sink.deref(), undefined)
  assert.ok(stream.closed)
})
