// Knows what becomes of the window behind a block with BFINAL, where the library reads less than it might.
import assert from 'node:assert/strict'
import { stationTest, upgradeHead } from '../upgrade/wire.ts'

const HANDSHAKE = upgradeHead({
  path: '/ws',
  upgrade: 'websocket',
  fields: [
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Extensions: permessage-deflate',
  ],
})
/** A compressed text from the client, with the mask 0. */
const message = (hex: string) => {
  const payload = Buffer.from(hex.replaceAll(' ', ''), 'hex')
  return Buffer.concat([Buffer.from([0xc1, 0x80 | payload.length, 0, 0, 0, 0]), payload])
}
const HELLO = 'f2 48 cd c9 c9 07 00'
const FINAL_HELLO = 'f3 48 cd c9 c9 07 00 00'
/** "Hello" again, out of the window (section 7.2.3.2). */
const AGAIN = 'f2 00 11 00 00'

stationTest(
  'RFC 7692 section 7.2.3.4: nothing before a block with BFINAL can be referred to behind it: 1002',
  async ({ dial, log }) => {
    const wire = dial()
    wire.send(HANDSHAKE, message(HELLO), message(AGAIN), message(FINAL_HELLO), message(HELLO), message(AGAIN))
    assert.equal((await wire.response()).status, 101)
    wire.send(message(FINAL_HELLO), message(AGAIN))
    const close = await wire.take(4)
    assert.equal(Buffer.from(close, 'latin1').readUInt8(0), 0x88)
    assert.equal(Buffer.from(close, 'latin1').readUInt16BE(2), 1002)
    assert.deepEqual(log, Array(6).fill('Hello'))
  },
  {
    setUp: (turnout, _server, log) =>
      void turnout.websocket('/ws', {
        compression: { serverMaxWindowBits: 15, clientMaxWindowBits: 15 },
        message: (_socket, text) => void log.push(String(text)),
      }),
  },
)
