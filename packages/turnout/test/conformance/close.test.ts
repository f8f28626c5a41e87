// Knows the Close frame (section 5.5.1) and the closing handshake (section 7): who says what, once, and who hangs up first.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createVirtualClock } from '../../src/base/clock.ts'
import { turn } from '../base/turns.ts'
import { EVERYWHERE, IN_MEMORY } from './endpoint.ts'
import { close, hex } from './hex.ts'
import { binary, ping, text } from './log.ts'
import { conform, expectGoodOrder, expectInfo } from './table.ts'

conform('RFC 6455 section 5.5.1: a Close is answered by a Close with the same code', {
  'no body: 1005 for the application (section 7.1.5)': { send: ['88 00'], closes: [1005] },
  'a code': { send: ['88 02 03 e8'], closes: [1000] },
  'a code and a reason': { send: ['88 07 03 e9 "going"'], closes: [1001, 'going'] },
  'a reason of 123 bytes': { send: ['88 7d 03 e8 "abc"*41'], closes: [1000, 'abc'.repeat(41)] },
  'a reason of 41 characters in 123 bytes': { send: ['88 7d 0f a0 "€"*41'], closes: [4000, '€'.repeat(41)] },
  'a reason with NUL, BOM and an emoji': {
    send: [close(3000, '00 ef bb bf "😀"')],
    closes: [3000, '\0\ufeff😀'],
  },
  'behind a message, which is delivered': {
    send: ['81 05 "Hello"', '88 02 03 e8'],
    events: [text('Hello')],
    closes: [1000],
  },
  'behind a Ping, which is answered': {
    send: ['89 01 3f', '88 00'],
    events: [ping('3f')],
    answers: ['8a 01 3f'],
    closes: [1005],
  },
  'behind 256 KiB': {
    send: ['82 7f 00 00 00 00 00 04 00 00 61*262144', '88 02 03 e8', '89 00'],
    events: [binary('61*262144')],
    closes: [1000],
  },
})

conform('RFC 6455 section 5.5.1: a body that says nothing proper', {
  'one byte: half a code': { send: ['88 01 03'], fails: 1002 },
  'one byte, zero': { send: ['88 01 00'], fails: 1002 },
  'a reason that is no UTF-8': { send: ['88 04 03 e8 c3 28'], fails: 1007 },
  'a reason that stops inside a code point': { send: ['88 04 03 e8 e2 82'], fails: 1007 },
  'a surrogate in the reason': { send: ['88 05 03 e8 ed a0 80'], fails: 1007 },
  'an overlong slash in the reason': { send: ['88 04 03 e8 c0 af'], fails: 1007 },
  'text, then the fault, in 123 bytes': { send: ['88 7d 03 e8 61*122 ff'], fails: 1007 },
})

conform('RFC 6455 section 5.5.1: nothing counts after a Close', {
  'a second Close': { send: ['88 02 03 e8', '88 02 03 e9'], closes: [1000] },
  'a text': { send: ['88 02 03 e8', '81 05 "Hello"'], closes: [1000] },
  'a Ping gets no Pong': { send: ['88 02 03 e8', '89 01 3f'], closes: [1000] },
  'a fragment that would end a message': {
    send: ['01 03 "Hel"', '88 02 03 e8', '80 02 "lo"'],
    closes: [1000],
  },
  'not even a fault': { send: ['88 02 03 e8', 'ff ff ff ff ff ff ff ff ff ff'], closes: [1000] },
  'half a frame': { send: ['88 02 03 e8', '81 05 "He"'], closes: [1000] },
})

const CODES: readonly (readonly [title: string, args: [code?: number, reason?: string], due: string])[] = [
  ['no code', [], '88 00'],
  ['a code', [1000], '88 02 03 e8'],
  ['a code and a reason', [4999, 'that is all'], '88 0d 13 87 "that is all"'],
  ['the longest reason', [1001, '€'.repeat(41)], '88 7d 03 e9 "€"*41'],
]

describe('RFC 6455 section 7.1.2: the closing handshake, begun by us', { concurrency: 4 }, () => {
  for (const setting of EVERYWHERE) {
    const who = `a ${setting.role} (${setting.carrier})`

    for (const [title, args, due] of CODES) {
      it(`${title}, and the peer's answer is what we hear: ${who}`, async () => {
        const opened = await setting.open()
        const { peer, endpoint } = opened
        const closing = endpoint.socket.close(...args)
        assert.equal(endpoint.socket.readyState, 'closing')
        await peer.expect(due)
        await peer.expectNothing()
        await peer.send(['88 06 0f a1 "fine"'])
        await expectGoodOrder(opened)
        await expectInfo(opened, { code: 4001, reason: 'fine', clean: true })
        assert.equal(await closing, await endpoint.socket.closed)
      })
    }

    it(`what was sent before leaves before, and nothing leaves after: ${who}`, async () => {
      const opened = await setting.open()
      const { socket } = opened.endpoint
      void socket.send('last words')
      void socket.close(1000)
      assert.equal(socket.send('too late'), false)
      assert.equal(socket.ping('too late'), false)
      assert.equal(socket.pong('too late'), false)
      void socket.close(4000, 'again')
      await opened.peer.expect('81 0a "last words"', '88 02 03 e8')
      await opened.peer.send([close(1000)])
      await expectGoodOrder(opened)
      assert.equal(socket.send('far too late'), false)
      await expectInfo(opened, { code: 1000, reason: '', clean: true })
    })

    it(`a Ping that comes after our Close gets no Pong (section 5.5.3): ${who}`, async () => {
      const opened = await setting.open()
      void opened.endpoint.socket.close(1000)
      await opened.peer.expect('88 02 03 e8')
      await opened.peer.send(['89 01 3f', close(1000)])
      await expectGoodOrder(opened)
    })

    it(`both at once: each sends one Close, and hears the other's (section 7.1.2): ${who}`, async () => {
      const opened = await setting.open()
      const { peer, endpoint } = opened
      const sent = peer.send([close(3001, '"mine"')])
      void endpoint.socket.close(3002, 'yours')
      await sent
      // over TCP ours is under way before the peer's is read; in memory the peer's has been read by then
      assert.match(hex(await peer.frame()), setting.carrier === 'TCP' ? /^88 07 0b ba/ : /^88 .. 0b b9/)
      await expectGoodOrder(opened)
      await expectInfo(opened, { code: 3001, reason: 'mine', clean: true })
    })

    it(`ours first, then the peer's that crossed it: one Close from us, not two: ${who}`, async () => {
      const opened = await setting.open()
      void opened.endpoint.socket.close(3002)
      await opened.peer.expect('88 02 0b ba')
      await opened.peer.send([close(3001, '"mine"'), '81 01 61', close(1000)])
      await expectGoodOrder(opened)
      await expectInfo(opened, { code: 3001, reason: 'mine', clean: true })
    })

    it(`a fault in the peer's answer is still a fault, but no second Close is sent: ${who}`, async () => {
      const opened = await setting.open()
      void opened.endpoint.socket.close(1000)
      await opened.peer.expect('88 02 03 e8')
      await opened.peer.send(['88 01 03'])
      await expectGoodOrder(opened, true)
      await expectInfo(opened, { code: 1006, reason: '', clean: false, cause: 'ERR_FRAME' })
    })

    it(`in the open callback, before anything was read: ${who}`, async () => {
      const opened = await setting.open({ onOpen: (socket) => void socket.close(1001, 'full') })
      await opened.peer.expect('88 06 03 e9 "full"')
      await opened.peer.send([close(1000)])
      await expectGoodOrder(opened)
      await expectInfo(opened, { code: 1000, reason: '', clean: true })
    })
  }
})

describe('RFC 6455 section 7.1.1: who waits for the peer has a deadline', () => {
  const closeTimeoutMs = 3_000

  for (const setting of IN_MEMORY) {
    it(`no Close in answer to ours: cut off, 1006: a ${setting.role}`, async () => {
      const clock = createVirtualClock()
      const opened = await setting.open({ options: { clock, closeTimeoutMs } })
      void opened.endpoint.socket.close(1000)
      await opened.peer.expect('88 02 03 e8')
      clock.advance(closeTimeoutMs - 1)
      await opened.peer.expectNothing()
      // messages are no answer
      await opened.peer.send(['81 01 61'])
      clock.advance(closeTimeoutMs + 1_000)
      await opened.peer.expectEnd()
      await expectInfo(opened, { code: 1006, reason: '', clean: false, cause: 'ERR_CLOSE_TIMEOUT' })
      assert.equal(clock.waiting, 0)
    })

    it(`both Closes, but the peer never hangs up: cut off, still clean: a ${setting.role}`, async () => {
      const clock = createVirtualClock()
      const opened = await setting.open({ options: { clock, closeTimeoutMs } })
      await opened.peer.send([close(1000, '"bye"')])
      await opened.peer.expectClose(1000)
      if (setting.role === 'client') {
        clock.advance(closeTimeoutMs - 1)
        await opened.peer.expectNothing()
      }
      clock.advance(closeTimeoutMs + 1_000)
      await opened.peer.expectEnd()
      const { code, reason, clean } = await opened.endpoint.socket.closed
      assert.deepEqual({ code, reason, clean }, { code: 1000, reason: 'bye', clean: true })
      await turn()
      assert.equal(clock.waiting, 0)
    })

    it(`a connection that failed, and a peer that never hangs up: cut off: a ${setting.role}`, async () => {
      const clock = createVirtualClock()
      const opened = await setting.open({ options: { clock, closeTimeoutMs } })
      await opened.peer.send(['83 00'])
      await opened.peer.expectClose(1002)
      clock.advance(closeTimeoutMs + 1_000)
      await opened.peer.expectEnd()
      await expectInfo(opened, { code: 1006, reason: '', clean: false, cause: 'ERR_FRAME' })
      await turn()
      assert.equal(clock.waiting, 0)
    })
  }
})
