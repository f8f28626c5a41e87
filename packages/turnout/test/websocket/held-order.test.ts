// Knows that messages which were held back come in their order, whatever a callback does while they are delivered.
import assert from 'node:assert/strict'
import { constants, deflateRawSync } from 'node:zlib'
import type { Turnout } from '../../src/turnout.ts'
import type { Message } from '../../src/websocket/options.ts'
import { stationTest, webSocketHead, within } from '../upgrade/wire.ts'
import { closeBody, frame } from './frames.ts'

const KEY = '37fa213d'
const CLOSE = frame(0x88, closeBody(4000), KEY)
const plain = (text: string) => frame(0x81, text, KEY)
const packed = (text: string) => {
  const block = deflateRawSync(text, { finishFlush: constants.Z_SYNC_FLUSH })
  return frame(0xc1, block.subarray(0, -4), KEY)
}

let heard: Message[] = []
let done: Promise<unknown> = Promise.resolve()

const setUp = (turnout: Turnout): void => {
  turnout.websocket('/', {
    compression: true,
    open: (socket) => {
      heard = []
      done = socket.closed
    },
    message(socket, message) {
      heard.push(message)
      if (message === 'pause') {
        socket.pause()
        setImmediate(() => socket.resume())
      }
      if (message === 'close') socket.close(4000)
    },
  })
}

stationTest(
  'a callback that closes while unread messages are delivered hears those behind a compressed one last',
  async ({ dial }) => {
    const wire = dial()
    wire.send(
      webSocketHead('/', ['Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover']),
    )
    await wire.until('\r\n\r\n')
    wire.send(
      Buffer.concat([
        plain('pause'),
        plain('close'),
        plain('3'),
        packed('4'),
        plain('5'),
        packed('6'),
        CLOSE,
      ]),
    )
    await within('the end of the connection', done)
    assert.deepEqual(heard, ['pause', 'close', '3', '4', '5', '6'])
  },
  { setUp },
)
