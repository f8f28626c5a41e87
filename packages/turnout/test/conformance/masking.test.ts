// Knows masking: sections 5.1 and 5.3, who masks, who must not, and how good the keys are.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { EVERYWHERE, IN_MEMORY, OVER_TCP } from './endpoint.ts'
import { type Bytes, close, frame, hex, masked, SPLITS } from './hex.ts'
import { binary } from './log.ts'
import { conclude, named } from './table.ts'

const FRAMES: readonly (readonly [title: string, frames: readonly Bytes[]])[] = [
  ['a text', ['81 05 "Hello"']],
  ['an empty text', ['81 00']],
  ['a binary message', ['82 03 01 02 03']],
  ['a first fragment', ['01 03 "Hel"']],
  ['a Ping', ['89 00']],
  ['a Pong', ['8a 00']],
  ['a Close', ['88 02 03 e8']],
  ['an empty Close', ['88 00']],
]

describe('RFC 6455 section 5.1: masks on the wrong side are a protocol error', { timeout: 120_000 }, () => {
  for (const setting of EVERYWHERE) {
    const fault = setting.role === 'server' ? 'unmasked' : 'masked'
    for (const [title, frames] of FRAMES) {
      it(`${title}, ${fault}, to a ${setting.role} (${setting.carrier})`, async () => {
        for (const split of SPLITS) {
          const opened = await setting.open()
          const wrong = frames.map((each) => (setting.role === 'server' ? each : masked(each)))
          await opened.peer.sendBytes(wrong, split)
          await conclude(opened, { fails: 1002 })
        }
      })
    }

    it(`in the middle of a message, to a ${setting.role} (${setting.carrier})`, async () => {
      const opened = await setting.open()
      await opened.peer.send(['01 03 "Hel"'])
      const last = '80 02 "lo"'
      await opened.peer.sendBytes([setting.role === 'server' ? last : masked(last)])
      await conclude(opened, { fails: 1002 })
    })
  }
})

describe('RFC 6455 section 5.3: whatever the key, the payload comes out', { timeout: 120_000 }, () => {
  const [server] = IN_MEMORY
  const KEYS = ['00 00 00 00', 'ff ff ff ff', '37 fa 21 3d', '80 00 00 01', '00 00 00 80', '01 02 03 04']

  for (const key of KEYS) {
    it(`key ${key}: 0 to 80 bytes at every alignment, cut anywhere`, async () => {
      const opened = await server!.open()
      const events: string[] = []
      for (let length = 0; length <= 80; length++) {
        const payload = Buffer.from(Array.from({ length }, (_, at) => (at * 37 + length) % 256))
        const sent = masked(frame(0x82, payload), key)
        for (const split of [0, 6, 7, 8, 9, 6 + (length >> 1), sent.length - 1]) {
          await opened.peer.sendBytes([sent], Math.max(0, split))
          events.push(binary(payload))
        }
      }
      await conclude(opened, { events })
    })
  }

  it('a key of its own for every fragment', async () => {
    const opened = await server!.open()
    for (const split of SPLITS) {
      const parts = [
        masked('02 03 01 02 03', KEYS[2]),
        masked('00 05 04 05 06 07 08', KEYS[5]),
        masked('80 01 09', KEYS[1]),
      ]
      await opened.peer.sendBytes(parts, split)
    }
    await conclude(opened, { events: Array(4).fill(binary('01 02 03 04 05 06 07 08 09')) })
  })

  it('a large payload cut at odd places', async () => {
    const payload = Buffer.from(Array.from({ length: 100_000 }, (_, at) => (at * 31 + (at >> 8)) % 256))
    const sent = masked(frame(0x82, payload))
    for (const step of [997, 1_460, 4_096, 65_536]) {
      const opened = await server!.open()
      for (let at = 0; at < sent.length; at += step)
        await opened.peer.sendBytes([sent.subarray(at, at + step)])
      await conclude(opened, { events: [binary(payload)] })
    }
  })
})

describe('RFC 6455 section 5.1: a server masks nothing that it sends', () => {
  for (const setting of [OVER_TCP[0]!, IN_MEMORY[0]!]) {
    it(`text, binary, Ping, Pong and Close (${setting.carrier})`, async () => {
      const opened = await setting.open()
      const { peer, endpoint } = opened
      void endpoint.socket.send('Hello')
      void endpoint.socket.send(Buffer.of(1, 2, 3))
      endpoint.socket.ping('?')
      endpoint.socket.pong('!')
      void endpoint.socket.close(1000, 'bye')
      await peer.expect('81 05 "Hello"', '82 03 01 02 03', '89 01 "?"', '8a 01 "!"', '88 05 03 e8 "bye"')
      await peer.send([close(1000)])
      await peer.expectEnd()
      peer.end()
      assert.equal((await endpoint.socket.closed).clean, true)
    })
  }
})

describe('RFC 6455 section 5.3: a client takes a fresh, unpredictable key for every frame', {
  timeout: 120_000,
}, () => {
  const client = IN_MEMORY[1]!

  it('the keys of 20,000 frames of every kind are as distinct and as even as chance makes them', async () => {
    const opened = await client.open()
    const { peer, endpoint } = opened
    const frames = 20_000
    const payload = Buffer.from('the same payload')
    for (let at = 0; at < frames; at += 4) {
      void endpoint.socket.send('the same payload')
      void endpoint.socket.send(payload)
      endpoint.socket.ping(payload)
      endpoint.socket.pong(payload)
    }
    await peer.expect(
      ...Array.from({ length: frames }, (_, at) => frame([0x81, 0x82, 0x89, 0x8a][at % 4]!, payload)),
    )
    assert.equal(peer.keys.length, frames)
    // chance repeats about 0.05 of 20,000 draws from 2^32; four or more repeats come once in five million runs
    assert.ok(frames - new Set(peer.keys).size < 4, `${frames - new Set(peer.keys).size} keys come again`)
    for (let bit = 0; bit < 32; bit++) {
      const ones = peer.keys.filter((key) => (Number.parseInt(key, 16) >>> bit) & 1).length
      // eight standard deviations of a fair coin
      assert.ok(
        Math.abs(ones - frames / 2) < 8 * Math.sqrt(frames / 4),
        `bit ${bit} is 1 in ${ones} of ${frames} keys`,
      )
    }
    const next = peer.keys
      .slice(1)
      .filter((key, at) => Number.parseInt(key, 16) === Number.parseInt(peer.keys[at]!, 16) + 1)
    assert.ok(next.length < 4, 'keys count up')
  })

  for (const setting of [OVER_TCP[1]!, client]) {
    it(`each fragment-sized and large frame, empty frames and the Close too (${setting.carrier})`, async () => {
      const opened = await setting.open()
      const { peer, endpoint } = opened
      const sizes = [0, 1, 125, 126, 16_384, 16_385, 65_536, 100_000]
      for (const size of sizes) void endpoint.socket.send(Buffer.alloc(size, 0xaa))
      void endpoint.socket.send('')
      endpoint.socket.ping()
      void endpoint.socket.close(1000)
      for (const size of sizes) {
        await peer.expect(frame(0x82, Buffer.alloc(size, 0xaa))).catch((error: unknown) => {
          throw named(error, `${size} bytes`)
        })
      }
      await peer.expect('81 00', '89 00', '88 02 03 e8')
      assert.equal(new Set(peer.keys).size, sizes.length + 3)
      await peer.send([close(1000)])
      peer.end()
      await peer.expectEnd()
    })

    it(`what the application sent is not masked in its own memory (${setting.carrier})`, async () => {
      const opened = await setting.open()
      const mine = Buffer.alloc(70_000, 0x11)
      void opened.endpoint.socket.send(mine)
      void opened.endpoint.socket.send(mine.subarray(0, 10))
      await opened.peer.expect(frame(0x82, mine), frame(0x82, mine.subarray(0, 10)))
      assert.equal(hex(mine), hex(Buffer.alloc(70_000, 0x11)))
      await conclude(opened, {})
    })
  }
})
