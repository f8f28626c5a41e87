// Knows how one message reaches many connections: encoded once, written once to each.
import { MisuseError } from '../base/errors.ts'
import { roleOf, sendFrame, type WebSocketConnection } from './connection.ts'
import { encodeFrame, FIN, OPCODE } from './frame.ts'

/** What can be broadcast. A Blob has to be read first. */
export type Broadcastable = string | ArrayBufferView | ArrayBuffer

/**
 * Sends one message to every open socket of `sockets`, encoded once. Those that are closing are left out; a
 * slow one queues its copy by reference and delays nobody.
 *
 * @returns how many took it.
 * @throws MisuseError ERR_INVALID_ARGUMENT for anything that is neither a string nor bytes.
 */
export function broadcast(sockets: Iterable<WebSocketConnection>, message: Broadcastable): number {
  const frame = encodeMessage(message)
  let taken = 0
  for (const socket of sockets) {
    // a client masks every frame afresh (RFC 6455 section 5.3): its frame cannot be shared
    const sent = roleOf(socket) === 'server' ? sendFrame(socket, frame) : socket.send(message)
    if (sent !== false) taken++
  }
  return taken
}

function encodeMessage(message: Broadcastable): Buffer {
  if (typeof message === 'string') return encodeFrame(FIN | OPCODE.text, Buffer.from(message))
  if (ArrayBuffer.isView(message)) {
    const bytes = new Uint8Array(message.buffer, message.byteOffset, message.byteLength)
    return encodeFrame(FIN | OPCODE.binary, bytes)
  }
  if (message instanceof ArrayBuffer) return encodeFrame(FIN | OPCODE.binary, new Uint8Array(message))
  throw new MisuseError(
    'ERR_INVALID_ARGUMENT',
    `${typeof message} cannot be broadcast: a string or bytes can`,
  )
}
