// Knows connections that end without a closing handshake: sections 7.1.5 to 7.1.7, with FIN, RST and terminate.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { EVERYWHERE } from './endpoint.ts'
import { type Bytes, close } from './hex.ts'
import { text } from './log.ts'
import { expectInfo } from './table.ts'

const LOST = { code: 1006, reason: '', clean: false, cause: /^(ERR_CONNECTION_LOST|ECONNRESET)$/ } as const

/** What the peer sent before it went, and what of it is delivered. */
const BEFORE: readonly (readonly [title: string, frames: readonly Bytes[], events: readonly string[]])[] = [
  ['before anything came', [], []],
  ['after a message', ['81 05 "Hello"'], [text('Hello')]],
  ['inside a header', ['81 7e 01'], []],
  ['inside a payload', ['81 05 "Hel"'], []],
  ['between two fragments', ['01 05 "Hello"'], []],
  ['inside a code point', ['01 01 e2'], []],
  ['inside a Close', ['88 02 03'], []],
]

describe('RFC 6455 section 7.1.5: the end without a Close is 1006', {
  concurrency: 4,
  timeout: 120_000,
}, () => {
  for (const setting of EVERYWHERE) {
    const who = `a ${setting.role} (${setting.carrier})`

    for (const [title, frames, events] of BEFORE) {
      it(`FIN ${title}: ${who}`, async () => {
        const opened = await setting.open()
        await opened.peer.send(frames)
        opened.peer.end()
        await opened.peer.expectEnd()
        await expectInfo(opened, LOST)
        assert.deepEqual(opened.endpoint.events, events)
        assert.equal(opened.endpoint.socket.send('gone'), false)
      })

      it(`RST ${title}: ${who}`, async () => {
        const opened = await setting.open()
        await opened.peer.send(frames)
        await opened.peer.expectNothing()
        opened.peer.reset()
        await expectInfo(opened, LOST)
        assert.deepEqual(opened.endpoint.events, events)
        assert.equal(opened.endpoint.socket.ping(), false)
      })
    }

    it(`FIN right behind the peer's Close is a clean end: ${who}`, async () => {
      const opened = await setting.open()
      const sent = opened.peer.send(['81 05 "Hello"', close(1001, '"bye"')])
      opened.peer.end()
      await sent
      await opened.peer.expectClose(1001)
      await opened.peer.expectEnd()
      await expectInfo(opened, { code: 1001, reason: 'bye', clean: true })
      assert.deepEqual(opened.endpoint.events, [text('Hello')])
    })

    it(`FIN instead of an answer to our Close: ${who}`, async () => {
      const opened = await setting.open()
      void opened.endpoint.socket.close(1000, 'bye')
      await opened.peer.expect(close(1000, '"bye"'))
      opened.peer.end()
      await opened.peer.expectEnd()
      const { code, clean } = await opened.endpoint.socket.closed
      assert.deepEqual({ code, clean }, { code: 1006, clean: false })
    })

    it(`RST instead of an answer to our Close: ${who}`, async () => {
      const opened = await setting.open()
      void opened.endpoint.socket.close(1000, 'bye')
      await opened.peer.expect(close(1000, '"bye"'))
      opened.peer.reset()
      const { code, clean } = await opened.endpoint.socket.closed
      assert.deepEqual({ code, clean }, { code: 1006, clean: false })
    })

    it(`FIN instead of an answer to the Close of a failed connection: ${who}`, async () => {
      const opened = await setting.open()
      await opened.peer.send(['83 00'])
      await opened.peer.expectClose(1002)
      opened.peer.end()
      await opened.peer.expectEnd()
      await expectInfo(opened, { code: 1006, reason: '', clean: false, cause: 'ERR_FRAME' })
    })

    it(`terminate ends it at once, with no Close: ${who}`, async () => {
      const opened = await setting.open()
      opened.endpoint.socket.terminate()
      await opened.peer.expectEnd()
      const { code, clean } = await opened.endpoint.socket.closed
      assert.deepEqual({ code, clean }, { code: 1006, clean: false })
      assert.equal(opened.endpoint.recorder.closes.length, 1)
      assert.equal(opened.endpoint.socket.send('gone'), false)
    })

    it(`terminate twice, and close after it, are harmless: ${who}`, async () => {
      const opened = await setting.open()
      const { socket, recorder } = opened.endpoint
      socket.terminate()
      socket.terminate()
      assert.equal((await socket.close(1000)).code, 1006)
      socket.terminate()
      await opened.peer.expectEnd()
      assert.equal(recorder.closes.length, 1)
    })

    it(`an iterator ends, what came before is still read: ${who}`, async () => {
      const opened = await setting.open({ iterate: true })
      await opened.peer.send(['81 01 "a"', '81 01 "b"', '01 01 "c"'])
      opened.peer.end()
      await opened.peer.expectEnd()
      await expectInfo(opened, LOST)
      await opened.endpoint.recorder.iterated
      assert.deepEqual(opened.endpoint.events, [text('a'), text('b')])
    })
  }
})
