// Knows which close codes may travel: section 7.4, every code from 0 to 5000 both ways, and some beyond.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { IN_MEMORY, OVER_TCP } from './endpoint.ts'
import { close } from './hex.ts'
import { mayTravel } from './reference.ts'
import { conclude, conform, expectGoodOrder, named } from './table.ts'

/** The edges of every range, and each code that has a name. */
const EDGES = [
  0, 1, 999, 1000, 1001, 1002, 1003, 1004, 1005, 1006, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 1015,
  1016, 1100, 1999, 2000, 2999, 3000, 3001, 3999, 4000, 4001, 4999, 5000, 5001, 65_534, 65_535,
] as const

/** The rule in full words, so that `mayTravel` is tested itself. */
const GOOD = [
  1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3001, 3999, 4000, 4001, 4999,
]

const ALL = Array.from({ length: 5001 }, (_, code) => code)
const BEYOND = [5001, 6000, 8192, 10_000, 32_767, 32_768, 50_000, 65_534, 65_535]

conform(
  'RFC 6455 section 7.4: each code with a name, and the edges of the ranges, received',
  Object.fromEntries(
    EDGES.map((code) => [
      `${code}: ${GOOD.includes(code) ? 'answered with the same code' : 'a protocol error'}`,
      GOOD.includes(code)
        ? { send: [close(code, '"why"')], closes: [code, 'why'] as const }
        : { send: [close(code)], fails: 1002 as const },
    ]),
  ),
)

describe('RFC 6455 section 7.4: every code from 0 to 5000', { timeout: 120_000 }, () => {
  for (const setting of IN_MEMORY) {
    it(`received by a ${setting.role}: answered with the same code, or a protocol error`, async () => {
      for (const code of [...ALL, ...BEYOND]) {
        const opened = await setting.open()
        await opened.peer.send([close(code)])
        await conclude(opened, mayTravel(code) ? { closes: [code] } : { fails: 1002 }).catch(
          (error: unknown) => {
            throw named(error, `${code}`)
          },
        )
      }
    })

    it(`sent by a ${setting.role}: exactly this code, or refused before a byte is written`, async () => {
      let opened = await setting.open()
      for (const code of [...ALL, ...BEYOND]) {
        const { socket } = opened.endpoint
        if (!mayTravel(code)) {
          assert.throws(
            () => void socket.close(code),
            { name: 'MisuseError', code: 'ERR_INVALID_CLOSE_CODE' },
            `${code}`,
          )
          assert.equal(socket.readyState, 'open')
          continue
        }
        void socket.close(code)
        await opened.peer.expect(close(code))
        await opened.peer.send([close(code)])
        await expectGoodOrder(opened)
        opened = await setting.open()
      }
      await conclude(opened, {})
    })
  }

  for (const setting of OVER_TCP) {
    it(`sent over TCP, a sample: a ${setting.role}`, async () => {
      for (const code of GOOD) {
        const opened = await setting.open()
        void opened.endpoint.socket.close(code, 'x')
        await opened.peer.expect(close(code, '"x"'))
        await opened.peer.send([close(code)])
        await expectGoodOrder(opened)
      }
    })
  }
})

describe('RFC 6455 sections 5.5 and 7.4: what the application may not put into a Close', () => {
  for (const setting of [...IN_MEMORY, ...OVER_TCP]) {
    it(`is refused, and the connection goes on: a ${setting.role} (${setting.carrier})`, async () => {
      const opened = await setting.open()
      const { socket } = opened.endpoint
      for (const code of [-1, 0.5, 1000.5, 66_536, Number.NaN, Number.POSITIVE_INFINITY, 1005, 1006, 1015]) {
        assert.throws(
          () => void socket.close(code),
          { name: 'MisuseError', code: 'ERR_INVALID_CLOSE_CODE' },
          `${code}`,
        )
      }
      for (const reason of ['x'.repeat(124), '€'.repeat(42)]) {
        assert.throws(() => void socket.close(1000, reason), {
          name: 'MisuseError',
          code: 'ERR_INVALID_CLOSE_REASON',
        })
      }
      assert.throws(() => void socket.close(undefined, 'a reason alone'), { name: 'MisuseError' })
      await conclude(opened, {})
    })
  }
})
