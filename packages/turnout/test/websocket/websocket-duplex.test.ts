import assert from 'node:assert/strict'
import { once } from 'node:events'
import { finished, PassThrough, Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { PeerError } from '../../src/base/errors.ts'
import { streamPair, webSocketPair } from '../../src/testing/index.ts'
import type { AnyConnection } from '../../src/websocket/connection.ts'
import { createWebSocketStream } from '../../src/websocket/websocket-duplex.ts'
import { turn, until } from '../base/turns.ts'
import { unknownOptions } from '../base/warnings.ts'

function pair(options: Parameters<typeof createWebSocketStream>[1] = {}) {
  const { server, client, link, clock } = webSocketPair()
  return { stream: createWebSocketStream(server, options), server, client, link, clock }
}

async function textOf(source: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of source) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

/** Reads everything, and closes when told to. */
async function messagesOf(socket: AnyConnection): Promise<unknown[]> {
  const messages: unknown[] = []
  for await (const message of socket) messages.push(message)
  return messages
}

describe('a WebSocket as a stream', () => {
  it('is every message’s bytes in order, and ends with a close of 1000 or without a code', async () => {
    for (const code of [1000, undefined]) {
      const { stream, client } = pair()
      for (const message of ['é', '', Buffer.from([1, 2]), ['a', 'b'], 'end']) await client.send(message)
      const closed = client.close(code)
      assert.equal(await textOf(stream), 'é\x01\x02abend')
      await closed
      stream.end()
      await once(stream, 'close')
      assert.equal(stream.errored, null)
    }
  })

  it('sends each chunk as a binary message, and its end as a Close of 1000', async () => {
    const { stream, client } = pair()
    const messages = messagesOf(client)
    stream.write('text')
    const memory = Buffer.alloc(20_000, 1)
    await new Promise((resolve) => stream.write(memory, resolve))
    // it is ours again
    memory.fill(2)
    stream.end()
    await once(stream, 'finish')
    assert.deepEqual(await messages, [Buffer.from('text'), Buffer.alloc(20_000, 1)])
    assert.deepEqual([(await client.closed).code, (await client.closed).clean], [1000, true])
  })

  it('has messages as objects, text as strings, where it is asked to', async () => {
    const { stream, client } = pair({ objectMode: true })
    await client.send('')
    await client.send('text')
    await client.send(Buffer.from('bytes'))
    void client.close()
    const seen: unknown[] = []
    for await (const message of stream) seen.push(message)
    assert.deepEqual(seen, ['', 'text', Buffer.from('bytes')])
    const { stream: writing, client: reading } = pair({ objectMode: true })
    const messages = messagesOf(reading)
    writing.write('text')
    writing.end(Buffer.from('bytes'))
    assert.deepEqual(await messages, ['text', Buffer.from('bytes')])
  })

  it('slows the peer to the pace of who reads, and who writes to the pace of the peer', async () => {
    const { stream, server, client } = pair()
    let sent = 0
    const sending = (async () => {
      while (sent < 400 && (await client.send(Buffer.alloc(65_536)))) sent++
    })()
    for (let turns = 0; turns < 200; turns++) await turn()
    assert.ok(sent < 100, `${sent} messages were sent to nobody`)
    stream.resume()
    await sending
    assert.equal(sent, 400)

    client.pause()
    let written = 0
    const writing = pipeline(
      Readable.from(
        (function* () {
          for (; written < 400; written++) yield Buffer.alloc(65_536)
        })(),
      ),
      stream,
    )
    for (let turns = 0; turns < 200; turns++) await turn()
    assert.ok(written < 100, `${written} chunks were written to nobody`)
    assert.ok(server.bufferedBytes < 1_000_000)
    const messages = messagesOf(client)
    client.resume()
    await writing
    assert.equal((await messages).length, 400)
  })

  it('any bytes come out as they went in, through pipeline both ways', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 5_000 }), { maxLength: 20 }), async (chunks) => {
        const { server, client } = webSocketPair()
        const echo = createWebSocketStream(server)
        const away = createWebSocketStream(client)
        echo.pipe(echo)
        const bytes = Buffer.concat(chunks)
        const received: Buffer[] = []
        let length = 0
        away.on('data', (chunk: Buffer) => {
          received.push(chunk)
          length += chunk.length
        })
        for (const chunk of chunks) away.write(chunk)
        await until(() => length === bytes.length)
        away.end()
        await once(away, 'close')
        assert.deepEqual(Buffer.concat(received), bytes)
      }),
      { numRuns: 30 },
    )
  })

  it('is bridged to another stream, and both ends end well, whichever closes', async () => {
    for (const who of ['client', 'far'] as const) {
      const { stream, client } = pair()
      const { server: near, client: far } = streamPair()
      const bridged = pipeline(stream, near, stream)
      far.on('data', (chunk: Buffer) => far.write(`echo ${chunk}`))
      far.on('end', () => far.end())
      await client.send('hi')
      assert.equal(String((await client[Symbol.asyncIterator]().next()).value), 'echo hi')
      if (who === 'client') await client.close(1000)
      else far.end()
      await bridged
      assert.equal((await client.closed).code, 1000)
    }
  })

  for (const [title, end, message] of [
    ['another code', (client) => client.close(1011, 'odd'), 'the WebSocket was closed with 1011 odd'],
    ['going away', (client) => client.close(1001), 'the WebSocket was closed with 1001'],
    ['no Close at all', (client) => client.terminate(), undefined],
  ] as [string, (client: AnyConnection) => unknown, string | undefined][]) {
    it(`takes a part for no whole: ${title}`, async () => {
      const { stream, client } = pair()
      await client.send('half')
      await turn()
      end(client)
      await assert.rejects(
        pipeline(stream, new PassThrough().resume()),
        (error) =>
          error instanceof PeerError &&
          error.code === 'ERR_CONNECTION_LOST' &&
          (message === undefined || error.message.startsWith(message)),
      )
    })
  }

  for (const [title, end] of [
    ['a loss', (client) => client.terminate()],
    ['another code', (client) => client.close(1011, 'no disk')],
  ] as [string, (client: AnyConnection) => unknown][]) {
    it(`takes a part that was written for no whole: ${title}`, async () => {
      const { stream, client } = pair()
      void messagesOf(client)
      const source = new PassThrough()
      const writing = pipeline(source, stream)
      source.write('half')
      await turn()
      end(client)
      source.end()
      await assert.rejects(writing, { code: 'ERR_CONNECTION_LOST' })
    })
  }

  it('is closed once it was ended, though nobody reads, and also where the other side closes with another code', async () => {
    for (const [code, failure] of [
      [1000, undefined],
      [4001, 'ERR_CONNECTION_LOST'],
    ] as const) {
      const { stream, client } = pair()
      const ended = new Promise<unknown>((resolve) => finished(stream, resolve))
      stream.end('all')
      void client.close(code)
      assert.equal(((await ended) as PeerError | undefined)?.code, failure)
      if (!stream.closed) await once(stream, 'close')
      assert.equal(stream.destroyed, true)
    }
  })

  it('tells a source that has nothing to say that the connection is lost', async () => {
    const { stream, client } = pair()
    const source = new PassThrough()
    const writing = pipeline(source, stream)
    await turn()
    client.terminate()
    await assert.rejects(writing, { code: 'ERR_CONNECTION_LOST' })
    assert.equal(source.destroyed, true)
  })

  it('keeps what nobody has read when it was ended', async () => {
    const { stream, client } = pair()
    stream.end()
    await client.send('unread')
    const { code } = await client.closed
    assert.equal(code, 1000)
    for (let turns = 0; turns < 5; turns++) await turn()
    assert.equal(stream.destroyed, false)
    assert.equal(await textOf(stream), 'unread')
    if (!stream.closed) await once(stream, 'close')
  })

  it('fails where a chunk is dropped, instead of waiting for ever', async () => {
    const { server, client } = webSocketPair({ server: { slowConsumer: 'drop', maxBufferedBytes: 10_000 } })
    client.pause()
    const stream = createWebSocketStream(server)
    // somebody else does not wait
    const chunk = Buffer.alloc(1_000)
    for (let turns = 0; turns < 100; turns++) {
      while (server.send(chunk) !== false);
      await turn()
    }
    await assert.rejects(pipeline(Readable.from([chunk]), stream), { code: 'ERR_SLOW_CONSUMER' })
    client.terminate()
  })

  it('leaves what the application throws in its callbacks to the process', async () => {
    const { stream } = pair()
    const thrown = new Error('mine')
    const uncaught = new Promise((resolve) => process.setUncaughtExceptionCaptureCallback(resolve))
    stream.write('x', () => {
      throw thrown
    })
    assert.equal(await uncaught, thrown)
    process.setUncaughtExceptionCaptureCallback(null)
    assert.equal(stream.destroyed, false)
    stream.destroy()
  })

  it('drops the connection where it is destroyed, and fails writes behind the end', async () => {
    const { stream, client } = pair()
    stream.destroy()
    assert.equal((await client.closed).code, 1006)
    const late = pair()
    void late.client.close(1011)
    await late.server.closed
    late.stream.write('too late')
    const [error] = await once(late.stream, 'error')
    assert.equal(error.code, 'ERR_CONNECTION_LOST')
  })

  it('fails where its messages go to streams meanwhile', async () => {
    const { stream, server, client } = pair()
    server.streams()
    stream.resume()
    const [error] = await once(stream, 'error')
    assert.equal(error.code, 'ERR_INVALID_ARGUMENT')
    assert.equal((await client.closed).code, 1006)
  })

  it('is for sockets of this library whose messages nobody takes', async () => {
    for (const odd of [undefined, {}, new PassThrough()]) {
      assert.throws(() => createWebSocketStream(odd as never), { code: 'ERR_INVALID_ARGUMENT' })
    }
    const { server } = webSocketPair({ server: { message() {} } })
    assert.throws(() => createWebSocketStream(server), { code: 'ERR_INVALID_ARGUMENT' })
    const warnings = await unknownOptions(() =>
      createWebSocketStream(webSocketPair().server, { encoding: 'utf8' } as never),
    )
    assert.equal(warnings.length, 1)
  })
})
