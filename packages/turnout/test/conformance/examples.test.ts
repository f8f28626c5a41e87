// Knows the examples that RFC 6455 itself prints: section 5.7, and every byte of them.
import { describe, it } from 'node:test'
import { OVER_TCP } from './endpoint.ts'
import { SPLITS } from './hex.ts'
import { binary, ping, pong, text } from './log.ts'
import { conform, expectGoodOrder } from './table.ts'

conform('RFC 6455 section 5.7: the examples, there and back', {
  'a text in one frame': {
    send: ['81 05 48 65 6c 6c 6f'],
    echo: true,
    events: [text('Hello')],
    answers: ['81 05 48 65 6c 6c 6f'],
  },
  'a text in two frames': {
    send: ['01 03 48 65 6c', '80 02 6c 6f'],
    echo: true,
    events: [text('Hello')],
    answers: ['81 05 48 65 6c 6c 6f'],
  },
  'a Ping, and its Pong with the same body': {
    send: ['89 05 48 65 6c 6c 6f'],
    events: [ping('"Hello"')],
    answers: ['8a 05 48 65 6c 6c 6f'],
  },
  'that Pong, coming in': { send: ['8a 05 48 65 6c 6c 6f'], events: [pong('"Hello"')] },
  '256 bytes in one frame': {
    send: ['82 7e 01 00 d7*256'],
    echo: true,
    events: [binary('d7*256')],
    answers: ['82 7e 01 00 d7*256'],
  },
  '64 KiB in one frame': {
    send: ['82 7f 00 00 00 00 00 01 00 00 d7*65536'],
    echo: true,
    events: [binary('d7*65536')],
    answers: ['82 7f 00 00 00 00 00 01 00 00 d7*65536'],
  },
})

describe('RFC 6455 section 5.7: the masked examples, byte for byte', () => {
  const [server] = OVER_TCP
  for (const split of SPLITS) {
    it(`a masked text and a masked Pong, ${split}`, async () => {
      const opened = await server!.open({ echo: true })
      const { peer } = opened
      await peer.sendBytes(['81 85 37 fa 21 3d 7f 9f 4d 51 58'], split)
      await peer.expect('81 05 48 65 6c 6c 6f')
      await peer.sendBytes(['8a 85 37 fa 21 3d 7f 9f 4d 51 58', '88 80 37 fa 21 3d'], split)
      await peer.expect('88 00')
      await expectGoodOrder(opened)
    })
  }
})
